import { z } from 'zod';
import { deviceIdSchema, userIdSchema } from '../identifiers/schemas.ts';
import { listOf, mapOf } from './lenient.ts';

/** Most algorithms asked for per device; bundles have three. */
const MAX_ALGORITHMS = 4;
/** Most devices taken of one user; more than anybody has. */
export const MAX_DEVICES_PER_USER = 1_000;
/** Most users taken of one answer. The spec is silent; nobody asks one server about more. */
const MAX_USERS = 50_000;
/** Most keys taken of one device's answer; asked for are as many as there are algorithms. */
const MAX_CLAIMED_KEYS = 16;

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

/**
 * Answer of user/devices (spec: Server-Server API, GET user/devices/{userId}). Devices that are malformed are left out.
 * Whose the keys are, and whether they are signed, is the reader's concern.
 */
export const userDevicesAnswerSchema = <O>(object: z.ZodType<O>) =>
  z.looseObject({
    user_id: userIdSchema,
    stream_id: z.number().int().nonnegative(),
    devices: listOf(
      z.looseObject({
        device_id: deviceIdSchema,
        keys: object,
        // Synapse writes null for a device without a name.
        device_display_name: z.string().nullish(),
      }),
      MAX_DEVICES_PER_USER,
    ),
    master_key: object.nullish(),
    self_signing_key: object.nullish(),
  });

/** Answer of user/keys/query: device keys by user and device, cross-signing keys by user. */
export const keysQueryAnswerSchema = <O>(object: z.ZodType<O>) => {
  const byUser = mapOf(object, MAX_USERS);
  const none = (): ReadonlyMap<string, O> => new Map();
  return z.looseObject({
    device_keys: mapOf(mapOf(object, MAX_DEVICES_PER_USER), MAX_USERS),
    master_keys: byUser.default(none),
    self_signing_keys: byUser.default(none),
  });
};

/** Answer of user/keys/claim, with one algorithm per device or several: keys by user, device and key id. */
export const keysClaimAnswerSchema = <O>(object: z.ZodType<O>) => {
  const byDevice = mapOf(mapOf(z.union([z.string(), object]), MAX_CLAIMED_KEYS), MAX_DEVICES_PER_USER);
  return z.looseObject({ one_time_keys: mapOf(byDevice, MAX_USERS) });
};
