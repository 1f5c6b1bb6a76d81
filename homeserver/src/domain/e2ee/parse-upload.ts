import type { JsonObject } from '@nyx/federation/json/value.ts';
import { isJsonObject, withoutKeys } from '@nyx/federation/json/value.ts';
import type { VerifyKey } from '@nyx/federation/signing/keys.ts';
import { z } from 'zod';
import type { DeviceRef, NamedKey, UploadedKey } from '../../ports/device-key-store.ts';
import { DomainError } from '../errors.ts';
import { deviceSigningKey, isSignedByDevice, requireSignedByDevice } from './check-signed.ts';
import {
  MAX_ALGORITHM_LENGTH,
  MAX_DEVICE_KEYS_LENGTH,
  MAX_FALLBACK_KEYS,
  MAX_KEY_ID_LENGTH,
  MAX_KEY_LENGTH,
  MAX_KEYS_PER_UPLOAD,
  mustBeSigned,
} from './limits.ts';

const deviceKeysShape = z.looseObject({
  user_id: z.string(),
  device_id: z.string(),
  algorithms: z.array(z.string()),
  keys: z.record(z.string(), z.string()),
  signatures: z.record(z.string(), z.record(z.string(), z.string())),
});

const invalid = (message: string): DomainError => new DomainError('invalid_param', message);

/**
 * Checks the identity keys that a device uploads (spec: Client-Server API, POST /keys/upload): they must be its own and
 * signed by the Ed25519 key among them. `unsigned` is the server's to fill, so it is left out.
 */
export const parseDeviceKeys = (value: unknown, { userId, deviceId }: DeviceRef): JsonObject => {
  const shape = deviceKeysShape.safeParse(value);
  if (!shape.success || !isJsonObject(value)) throw new DomainError('bad_json', 'Invalid body: device_keys');
  if (shape.data.user_id !== userId)
    throw invalid('device_keys.user_id is not the user of this access token');
  if (shape.data.device_id !== deviceId)
    throw invalid('device_keys.device_id is not the device of this access token');
  const keys = withoutKeys(value, new Set(['unsigned']));
  if (JSON.stringify(keys).length > MAX_DEVICE_KEYS_LENGTH) throw invalid('device_keys is too large');
  const signingKey = deviceSigningKey(keys, deviceId);
  if (signingKey === undefined && Object.hasOwn(shape.data.keys, `ed25519:${deviceId}`))
    throw invalid('The Ed25519 key of device_keys is not 32 bytes of Base64');
  if (signingKey !== undefined) requireSignedByDevice(keys, { userId, deviceId }, signingKey, 'device_keys');
  return keys;
};

const ALGORITHM = /^[A-Za-z0-9._-]+$/;

const parseKeyId = (keyId: string): string => {
  const colon = keyId.indexOf(':');
  const algorithm = keyId.slice(0, colon);
  const isValid =
    colon > 0 &&
    colon < keyId.length - 1 &&
    !keyId.includes(':', colon + 1) &&
    keyId.length <= MAX_KEY_ID_LENGTH &&
    algorithm.length <= MAX_ALGORITHM_LENGTH &&
    ALGORITHM.test(algorithm);
  if (!isValid) throw invalid('A key id must be algorithm:name with one colon');
  return algorithm;
};

const parseKey = (value: unknown): UploadedKey => {
  if (typeof value !== 'string' && !(isJsonObject(value) && typeof value.key === 'string'))
    throw new DomainError('bad_json', 'A key must be a string, or an object with a string key');
  if (JSON.stringify(value).length > MAX_KEY_LENGTH) throw invalid('A key is too large');
  return value;
};

/** A key that claims to be signed must be; one of an algorithm that demands it must claim it. */
const checkSignature = (
  { algorithm, key }: NamedKey,
  device: DeviceRef,
  signingKey: VerifyKey | undefined,
): void => {
  const isSigned = typeof key !== 'string' && 'signatures' in key;
  if (!isSigned && !mustBeSigned(algorithm)) return;
  if (typeof key === 'string') throw invalid(`Keys of ${algorithm} must be signed`);
  if (signingKey === undefined)
    throw invalid('Signed keys need the Ed25519 key of the device: upload device_keys first');
  if (!isSignedByDevice(key, device, signingKey))
    throw invalid(`A key of ${algorithm} is not signed by this device`);
};

/** Parses and checks one-time or fallback keys, in the order of the request. */
export const parsePrekeys = (
  value: Readonly<Record<string, unknown>> | undefined,
  kind: 'one-time' | 'fallback',
  device: DeviceRef,
  signingKey: VerifyKey | undefined,
): NamedKey[] => {
  const entries = Object.entries(value ?? {});
  const limit = kind === 'one-time' ? MAX_KEYS_PER_UPLOAD : MAX_FALLBACK_KEYS;
  if (entries.length > limit) throw invalid(`At most ${limit} ${kind} keys can be uploaded at once`);
  const keys = entries.map(([keyId, key]) => ({
    algorithm: parseKeyId(keyId),
    keyId,
    key: parseKey(key),
  }));
  for (const key of keys) checkSignature(key, device, signingKey);
  if (kind === 'fallback' && new Set(keys.map(({ algorithm }) => algorithm)).size < keys.length)
    throw invalid('There can be one fallback key per algorithm');
  return keys;
};
