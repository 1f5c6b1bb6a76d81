import { isJsonObject, type JsonObject } from '@nyx/federation/json/value.ts';
import { isServerName, type ServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import { eventIdSchema, roomIdSchema, userIdSchema } from '@nyx/federation/spec/identifiers/schemas.ts';
import type { UserId } from '@nyx/federation/spec/identifiers/user-id.ts';
import { z } from 'zod';
import type { Audience } from '../../domain/events/client-event.ts';
import type { Requester } from '../../ports/authenticator.ts';

/** A JSON object whose content is the caller's business. */
export const jsonObjectSchema = z.custom<JsonObject>(isJsonObject, 'not an object');

export const roomParams = z.object({ roomId: roomIdSchema });
export const eventParams = z.object({ roomId: roomIdSchema, eventId: eventIdSchema });

/** Longest reason for a membership change that is kept. */
const MAX_REASON = 2_000;
export const reasonSchema = z.string().max(MAX_REASON).optional();
export const reasonBody = z.object({ reason: reasonSchema });
export const targetBody = z.object({ user_id: userIdSchema, reason: reasonSchema });

/** A query parameter that may be repeated. */
const repeated = z
  .union([z.string(), z.array(z.string())])
  .optional()
  .transform((value) => (value === undefined ? [] : Array.isArray(value) ? value : [value]));

/** Servers a client names as helpers; malformed names are passed over. */
const MAX_VIA = 20;
export const viaQuery = z
  .object({ via: repeated, server_name: repeated })
  .transform(({ via, server_name: names }): ServerName[] =>
    [...via, ...names].filter(isServerName).slice(0, MAX_VIA),
  );

/** A whole number in a query, brought within bounds. */
export const limitQuery = (fallback: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/, 'not a number')
    .transform((text) => Math.min(Math.max(1, Number(text)), max))
    .optional()
    .transform((value) => value ?? fallback);

export const directionQuery = z
  .enum(['b', 'f'])
  .transform((value): 'backward' | 'forward' => (value === 'b' ? 'backward' : 'forward'));

/** The requester's user id: whoever has a token was registered under a valid one. */
export const self = (requester: Requester): UserId => requester.userId as UserId;

/** To whom the answer goes. */
export const audienceOf = (requester: Requester): Audience => ({
  user: self(requester),
  device: requester.deviceId,
});
