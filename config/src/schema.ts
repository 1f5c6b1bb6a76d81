import { z } from 'zod';
import { registrationSchema, roomsSchema, sessionsSchema } from './sections/accounts.ts';
import { federationSchema } from './sections/federation.ts';
import { mediaSchema } from './sections/media.ts';
import { loggingSchema, pluginsSchema, pushSchema, turnSchema } from './sections/operations.ts';
import { rateLimitsSchema } from './sections/rate-limits.ts';
import type { roleSchema } from './sections/server.ts';
import { serverSchema } from './sections/server.ts';
import { databaseSchema, redisSchema } from './sections/services.ts';

/**
 * Everything an operator can set. Unknown keys are errors. Durations come out in milliseconds, sizes in bytes, secrets
 * as `Secret`. `configSchema.parse({})` is the configuration of `npm start` without any file.
 */
export const configSchema = z.strictObject({
  server: serverSchema,
  database: databaseSchema,
  redis: redisSchema,
  federation: federationSchema,
  media: mediaSchema,
  registration: registrationSchema,
  sessions: sessionsSchema,
  rooms: roomsSchema,
  rateLimits: rateLimitsSchema,
  logging: loggingSchema,
  plugins: pluginsSchema,
  push: pushSchema,
  turn: turnSchema,
});

export type Config = z.output<typeof configSchema>;

/** What a file may hold: every section and key optional. */
export type ConfigInput = z.input<typeof configSchema>;

export type Role = z.output<typeof roleSchema>;

/** Names of the rate limits that a route can ask for. */
export type RateLimitName = Exclude<keyof Config['rateLimits'], 'enabled'>;

export type RateLimit = { readonly perSecond: number; readonly burst: number };
