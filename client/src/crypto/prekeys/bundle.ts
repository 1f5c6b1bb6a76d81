import type { PeerDevice } from '../pairwise/device.ts';
import { OTPK_ALGORITHM, SPK_ALGORITHM } from '../primitives/names.ts';
import { decodeOneTime, decodeSigned, openKeyObject } from './encode.ts';
import { PrekeyError } from './errors.ts';
import { hasAlgorithm, requireKeyId } from './key-ids.ts';
import type { FallbackSupport } from './plan.ts';
import { dayOf, SPK_GRACE_MS, SPK_MAX_SKEW_DAYS, type PrekeyBundle } from './types.ts';

/** One device's part of a `/keys/claim` answer: key id to key object. Two answers can be merged into one. */
export type ClaimedKeys = Readonly<Record<string, unknown>>;

export type BundleInput = {
  readonly device: PeerDevice;
  readonly claimed: ClaimedKeys;
  readonly now: number;
  /** Newest `createdDay` that this device's signed prekeys have shown before; 0 when none was seen. */
  readonly newestSignedDay: number;
};

const pick = (claimed: ClaimedKeys, algorithm: string): [string, unknown] | undefined => {
  const found = Object.entries(claimed).filter(([keyId]) => hasAlgorithm(keyId, algorithm));
  if (found.length > 1) throw new PrekeyError('MALFORMED_PREKEY', `${found.length} keys of one algorithm`);
  return found[0];
};

/**
 * Checks a claimed bundle whole: shape, ids, signatures, freshness. A bundle with one bad key is refused rather than
 * used without it: whoever tampers must not be able to strip the one-time prekey by spoiling it.
 *
 * @throws PrekeyError
 */
export const verifyBundle = ({ device, claimed, now, newestSignedDay }: BundleInput): PrekeyBundle => {
  const signedEntry = pick(claimed, SPK_ALGORITHM);
  if (signedEntry === undefined) throw new PrekeyError('NO_SIGNED_PREKEY');
  const signed = decodeSigned(openKeyObject(device, signedEntry[1]));
  requireKeyId(signedEntry[0], signed.id);
  const today = dayOf(now);
  // Its private key was destroyed when a grace had passed after the newer one we have seen.
  const oldest = newestSignedDay - dayOf(SPK_GRACE_MS);
  if (signed.createdDay > today + SPK_MAX_SKEW_DAYS || signed.createdDay < oldest)
    throw new PrekeyError('SIGNED_PREKEY_OUT_OF_ORDER');
  const oneTimeEntry = pick(claimed, OTPK_ALGORITHM);
  if (oneTimeEntry === undefined) return { signed, oneTime: undefined };
  const oneTime = decodeOneTime(openKeyObject(device, oneTimeEntry[1]));
  requireKeyId(oneTimeEntry[0], oneTime.id);
  return { signed, oneTime };
};

/**
 * Reads the capability test: after uploading a fallback key, this device claimed its own signed prekey. A server
 * that ignores fallback keys has nothing to answer. What it does answer must be ours.
 *
 * @throws PrekeyError when the answer is not a key that this device signed
 */
export const readFallbackCheck = (
  self: PeerDevice,
  claimed: ClaimedKeys,
): Exclude<FallbackSupport, 'unknown'> => {
  const entry = pick(claimed, SPK_ALGORITHM);
  if (entry === undefined) return 'ignored';
  requireKeyId(entry[0], decodeSigned(openKeyObject(self, entry[1])).id);
  return 'supported';
};
