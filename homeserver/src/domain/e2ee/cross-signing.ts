import type { JsonObject } from '@nyx/federation/json/value.ts';
import { isJsonObject, ownObject, withoutKeys } from '@nyx/federation/json/value.ts';
import { VerifyKey } from '@nyx/federation/signing/keys.ts';
import { verifyJson } from '@nyx/federation/signing/verify-json.ts';
import { z } from 'zod';
import type {
  CrossSigningKeys,
  CrossSigningStore,
  CrossSigningUsage,
} from '../../ports/cross-signing-store.ts';
import type { DeviceKeyStore } from '../../ports/device-key-store.ts';
import type { DeviceListChanges } from '../../ports/device-lists.ts';
import { DomainError } from '../errors.ts';
import { MAX_DEVICE_KEYS_LENGTH } from './limits.ts';

const shape = z.looseObject({
  user_id: z.string(),
  usage: z.array(z.string()),
  keys: z.record(z.string(), z.string()),
  signatures: z.record(z.string(), z.record(z.string(), z.string())).optional(),
});

const invalid = (message: string): DomainError => new DomainError('invalid_param', message);

/** The one public key of a cross-signing key object, in Base64. */
export const publicKeyOf = (key: JsonObject): string => {
  const [value] = Object.values(ownObject(key, 'keys') ?? {});
  return typeof value === 'string' ? value : '';
};

const parseKey = (value: unknown, usage: CrossSigningUsage, userId: string): JsonObject => {
  const parsed = shape.safeParse(value);
  if (!parsed.success || !isJsonObject(value))
    throw new DomainError('bad_json', `Invalid body: ${usage}_key`);
  const { user_id, keys, usage: usages } = parsed.data;
  if (user_id !== userId) throw invalid(`${usage}_key.user_id is not the user of this access token`);
  if (!usages.includes(usage)) throw invalid(`${usage}_key is not made for ${usage}`);
  const entries = Object.entries(keys);
  const [entry] = entries;
  if (entries.length !== 1 || entry?.[0] !== `ed25519:${entry?.[1] ?? ''}`)
    throw invalid(`${usage}_key.keys must hold one key under its own name`);
  if (VerifyKey.fromBase64(entry[1]) === undefined) throw invalid(`${usage}_key is not an Ed25519 key`);
  if (JSON.stringify(value).length > MAX_DEVICE_KEYS_LENGTH) throw invalid(`${usage}_key is too large`);
  return withoutKeys(value, new Set(['unsigned']));
};

const requireSignedByMaster = (key: JsonObject, master: JsonObject, userId: string, name: string): void => {
  const text = publicKeyOf(master);
  const verifyKey = VerifyKey.fromBase64(text);
  const check = verifyJson(key, userId, (keyId) => (keyId === `ed25519:${text}` ? verifyKey : undefined));
  if (!check.ok) throw new DomainError('invalid_signature', `${name} is not signed by the master key`);
};

export type CrossSigningRequest = Partial<Readonly<Record<`${CrossSigningUsage}_key`, unknown>>>;

export type CrossSigningDeps = {
  readonly crossSigning: CrossSigningStore;
  readonly devices: DeviceKeyStore;
  readonly changes: DeviceListChanges;
};

/** What an upload of cross-signing keys would change, checked. */
export type CrossSigningUpload = { readonly keys: CrossSigningKeys; readonly replaces: boolean };

/**
 * Checks an upload of cross-signing keys (spec: Client-Server API, POST /keys/device_signing/upload). `replaces` says
 * that keys exist which it changes: only then must the user authenticate again.
 */
export const prepareCrossSigning = async (
  { crossSigning }: CrossSigningDeps,
  userId: string,
  request: CrossSigningRequest,
): Promise<CrossSigningUpload> => {
  const existing = (await crossSigning.ofUsers([userId])).get(userId) ?? {};
  const keys: CrossSigningKeys = {};
  for (const usage of ['master', 'self_signing', 'user_signing'] as const) {
    const value = request[`${usage}_key`];
    if (value !== undefined) keys[usage] = parseKey(value, usage, userId);
  }
  const master = keys.master ?? existing.master;
  for (const usage of ['self_signing', 'user_signing'] as const) {
    const key = keys[usage];
    if (key === undefined) continue;
    if (master === undefined) throw new DomainError('missing_param', 'There is no master key');
    requireSignedByMaster(key, master, userId, `${usage}_key`);
  }
  const publicKeys = Object.entries(keys).map(([, key]) => publicKeyOf(key));
  if (new Set(publicKeys).size < publicKeys.length)
    throw invalid('The cross-signing keys must differ from each other');
  const changed = Object.fromEntries(
    Object.entries(keys).filter(
      ([usage, key]) => JSON.stringify(existing[usage as CrossSigningUsage]) !== JSON.stringify(key),
    ),
  ) as CrossSigningKeys;
  return { keys: changed, replaces: existing.master !== undefined && Object.keys(changed).length > 0 };
};

/** Stores checked cross-signing keys and tells everybody who shares a room. */
export const storeCrossSigning = async (
  { crossSigning, changes }: CrossSigningDeps,
  userId: string,
  { keys }: CrossSigningUpload,
): Promise<void> => {
  if (Object.keys(keys).length === 0) return;
  await crossSigning.put(userId, keys);
  await changes.recordOwn(userId, { identity: true });
};
