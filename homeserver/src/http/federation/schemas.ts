import { parseJsonObject } from '@nyx/federation/json/parse.ts';
import { JsonError } from '@nyx/federation/json/errors.ts';
import type { JsonObject } from '@nyx/federation/json/value.ts';
import { eventIdSchema, roomIdSchema, userIdSchema } from '@nyx/federation/spec/identifiers/schemas.ts';
import type { ServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import { z } from 'zod';
import { DomainError } from '../../domain/errors.ts';
import type { Peer } from '../route.ts';

export const roomParams = z.object({ roomId: roomIdSchema });
export const eventParams = z.object({ roomId: roomIdSchema, eventId: eventIdSchema });
export const userParams = z.object({ roomId: roomIdSchema, userId: userIdSchema });

/** A query parameter that may be repeated. */
export const repeated = z
  .union([z.string(), z.array(z.string())])
  .optional()
  .transform((value) => (value === undefined ? [] : Array.isArray(value) ? value : [value]));

/** The server that signed the request: its header was read as a server name. */
export const originOf = (peer: Peer): ServerName => peer.origin as ServerName;

/** Largest event with room for what goes around it. */
export const EVENT_BODY_LIMIT = 256 * 1024;

/** The body without loss: events keep every digit of theirs. Throws `not_json`. */
export const bodyOf = (rawBody: Buffer): JsonObject => {
  try {
    return parseJsonObject(rawBody.toString());
  } catch (error) {
    if (error instanceof JsonError) throw new DomainError('not_json', `The body is ${error.message}`);
    throw error;
  }
};
