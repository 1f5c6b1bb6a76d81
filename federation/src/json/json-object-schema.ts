import { z } from 'zod';
import { isJsonObject, type JsonObject } from './value.ts';

/** An object that was parsed without loss, taken as it is: the schema of an event in a body. */
export const jsonObjectSchema = z.custom<JsonObject>(isJsonObject, 'not an object');
