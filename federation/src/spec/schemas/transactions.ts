import { z } from 'zod';
import { serverNameSchema } from '../identifiers/schemas.ts';

/** What goes around the events of a transaction (spec: Server-Server API, PUT send). Its lists are read one by one. */
export const transactionEnvelopeSchema = z.looseObject({
  origin: serverNameSchema,
  /** Milliseconds since 1970. */
  origin_server_ts: z.number(),
});

/** Answer of send: what went wrong, by event id. */
export const transactionAnswerSchema = z.looseObject({
  pdus: z.record(z.string(), z.looseObject({ error: z.string().optional() })).default({}),
});
