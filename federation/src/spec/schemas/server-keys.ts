import { z } from 'zod';
import { listOf } from './lenient.ts';

/** Most servers whose keys are asked for at once. */
const MAX_SERVERS = 100;
/** Most entries taken from a notary's answer: it is asked about a thousand servers at most, some with several keys. */
const MAX_NOTARY_ENTRIES = 5_000;

const integer = z.number().int().nonnegative();

/** Answer of `GET /_matrix/key/v2/server`, and one entry of a notary's (spec: Server-Server API, Publishing Keys). */
export const serverKeysSchema = z.looseObject({
  server_name: z.string(),
  /** Milliseconds since 1970. */
  valid_until_ts: integer,
  verify_keys: z.record(z.string(), z.looseObject({ key: z.string() })),
  old_verify_keys: z
    .record(z.string(), z.looseObject({ key: z.string(), expired_ts: integer }))
    .default(() => ({})),
});

const criteriaSchema = z.looseObject({ minimum_valid_until_ts: z.number().optional() });

/** Body of `POST /_matrix/key/v2/query`: what to ask, by server and key id (spec: Querying Keys Through Another Server). */
export const notaryQueryRequestSchema = z.object({
  server_keys: z
    .record(z.string(), z.record(z.string(), criteriaSchema))
    .refine((servers) => Object.keys(servers).length <= MAX_SERVERS, `more than ${MAX_SERVERS} servers`),
});

/** Answer of `POST /_matrix/key/v2/query`: entries are read one by one, with {@link serverKeysSchema}. */
export const notaryAnswerSchema = <O>(object: z.ZodType<O>) =>
  z.looseObject({ server_keys: listOf(object, MAX_NOTARY_ENTRIES) });
