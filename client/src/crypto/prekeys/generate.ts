import type { LocalDevice } from '../pairwise/device.ts';
import { generateMlKem } from '../primitives/ml-kem.ts';
import { randomU32, type Random } from '../primitives/random.ts';
import { generateX25519 } from '../primitives/x25519.ts';
import { encodeOneTime, encodeSigned, signKeyObject, type SignedKeyObject } from './encode.ts';
import { oneTimeKeyId, signedKeyId } from './key-ids.ts';
import { dayOf, type OneTimePrekey, type SignedPrekey } from './types.ts';

/** A random id that is neither 0 nor taken. */
const freshId = (random: Random, taken: ReadonlySet<number>): number => {
  // A random source that repeats itself for ever would never give one: stop at a bound instead.
  for (let attempt = 0; attempt < 1000; attempt++) {
    const id = randomU32(random);
    if (id !== 0 && !taken.has(id)) return id;
  }
  throw new RangeError('the random source repeats itself');
};

/** `count` fresh one-time prekeys of one batch. `taken` holds the ids in use. */
export const generateOneTimePrekeys = (
  count: number,
  batch: number,
  taken: ReadonlySet<number>,
  random: Random,
): OneTimePrekey[] => {
  const used = new Set(taken);
  const made: OneTimePrekey[] = [];
  for (let i = 0; i < count; i++) {
    const id = freshId(random, used);
    used.add(id);
    made.push({ id, batch, keys: generateX25519(random), publishedAt: undefined });
  }
  return made;
};

/** A fresh signed prekey with its KEM key. */
export const generateSignedPrekey = (
  taken: ReadonlySet<number>,
  now: number,
  random: Random,
): SignedPrekey => ({
  id: freshId(random, taken),
  createdDay: dayOf(now),
  createdAt: now,
  keys: generateX25519(random),
  kem: generateMlKem(random),
  supersededAt: undefined,
  copies: 0,
});

type KeyObjects = Record<string, SignedKeyObject>;

/** The `one_time_keys` of `/keys/upload` for these prekeys. The same prekeys give the same body: retries are safe. */
export const oneTimeUpload = (local: LocalDevice, prekeys: readonly OneTimePrekey[]): KeyObjects => {
  const objects: KeyObjects = {};
  for (const { id, keys } of prekeys)
    objects[oneTimeKeyId(id)] = signKeyObject(local, encodeOneTime({ id, x25519: keys.public }), false);
  return objects;
};

const signedPayload = ({ id, createdDay, keys, kem }: SignedPrekey): Uint8Array =>
  encodeSigned({ id, createdDay, x25519: keys.public, kem: kem.public });

/** The `fallback_keys` of `/keys/upload` for the current signed prekey. */
export const fallbackUpload = (local: LocalDevice, prekey: SignedPrekey): KeyObjects => ({
  [signedKeyId(prekey.id)]: signKeyObject(local, signedPayload(prekey), true),
});

/**
 * Copies of the signed prekey as `one_time_keys`, numbered from `from`, for a server that ignores fallback keys
 * (Dendrite's upload route does).
 */
export const copiesUpload = (
  local: LocalDevice,
  prekey: SignedPrekey,
  from: number,
  count: number,
): KeyObjects => {
  const object = signKeyObject(local, signedPayload(prekey), false);
  const objects: KeyObjects = {};
  for (let i = 0; i < count; i++) objects[signedKeyId(prekey.id, from + i)] = object;
  return objects;
};
