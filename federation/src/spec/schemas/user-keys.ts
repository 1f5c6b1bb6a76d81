import { z } from 'zod';

/** Most algorithms asked for per device; bundles have three. */
const MAX_ALGORITHMS = 4;

/** Body of user/keys/query: devices by user, all of them where the list is empty (spec: Server-Server API, End-to-End Encryption). */
export const keysQueryRequestSchema = z.looseObject({
  device_keys: z.record(z.string(), z.array(z.string())),
});

/** Body of user/keys/claim: one algorithm by user and device. */
export const keysClaimRequestSchema = z.looseObject({
  one_time_keys: z.record(z.string(), z.record(z.string(), z.string())),
});

/** Body of user/keys/claim with a list of algorithms per device (MSC3983). */
export const keyBundlesClaimRequestSchema = z.looseObject({
  one_time_keys: z.record(z.string(), z.record(z.string(), z.array(z.string()).max(MAX_ALGORITHMS))),
  txn_id: z.string().min(1).max(255).optional(),
});
