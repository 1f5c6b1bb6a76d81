import type { JsonObject } from '@nyx/federation/json/value.ts';

/** A device of a user. */
export type DeviceRef = { readonly userId: string; readonly deviceId: string };

/** A public key as a device uploaded it: a text, or an object with `key` and `signatures`. */
export type UploadedKey = string | JsonObject;

/** A one-time or fallback key with the full id under which clients know it, `algorithm:name`. */
export type NamedKey = { readonly algorithm: string; readonly keyId: string; readonly key: UploadedKey };

/** A key that was handed out. */
export type GivenKey = NamedKey & { readonly isFallback: boolean };

/** What is known of one-time key ids that a device wants to upload. */
export type KeyHistory = {
  /** Keys that are still to be claimed, by key id. */
  readonly stored: ReadonlyMap<string, UploadedKey>;
  /** Ids that were uploaded before, claimed or not, with the batch and a digest of the key they came with. */
  readonly seen: ReadonlyMap<string, { readonly batch: string; readonly digest: string }>;
};

/** One upload of keys: all of it is stored, or nothing. */
export type KeyUpload = {
  readonly device: DeviceRef;
  /** Identity keys, when they are new or differ from the stored ones. */
  readonly deviceKeys?: JsonObject;
  /** The device had other keys before: what was shared with those must change. */
  readonly replacesIdentity?: boolean;
  readonly oneTimeKeys: readonly NamedKey[];
  readonly fallbackKeys: readonly NamedKey[];
};

/** Identity keys of devices, as uploaded. */
export interface DeviceKeyStore {
  get(device: DeviceRef): Promise<JsonObject | undefined>;
  /** Of all devices of the users that have published keys. */
  ofUsers(userIds: readonly string[]): Promise<(DeviceRef & { readonly keys: JsonObject })[]>;
  history(device: DeviceRef, keyIds: readonly string[]): Promise<KeyHistory>;
  /**
   * Stores an upload in one transaction, with the change of the user's device list that new identity keys are. Throws
   * {@link KeyIdTakenError} when another upload took one of the ids meanwhile.
   */
  commit(upload: KeyUpload): Promise<void>;
  /** Removes everything that devices published, and tells of the change. Idempotent. */
  remove(userId: string, deviceIds: readonly string[]): Promise<void>;
}

/** Another upload stored one of the key ids between the look-up and the commit: look again. */
export class KeyIdTakenError extends Error {
  override readonly name = 'KeyIdTakenError';
  readonly code = 'key_id_taken';
}

/** Stock of one-time keys by algorithm, and the algorithms of fallback keys that nobody was given yet. */
export type KeyStock = {
  readonly oneTime: Readonly<Record<string, number>>;
  readonly unusedFallback: readonly string[];
};

/** One-time and fallback keys: what others claim. */
export interface PrekeyStore {
  /** Takes the key that was uploaded first out of the stock, for good. */
  take(device: DeviceRef, algorithm: string): Promise<GivenKey | undefined>;
  /** The fallback key, which counts as used from now on. */
  fallback(device: DeviceRef, algorithm: string): Promise<GivenKey | undefined>;
  /**
   * For each algorithm the first one-time key, else the fallback key. A repeat by the same claimer under the same
   * transaction id gets the same answer, and no key is spent, whatever crashed in between. With `fallbackOnly` no
   * one-time key is given. A fallback key given beside a one-time key does not count as used.
   */
  takeBundle(claim: BundleClaim): Promise<GivenKey[]>;
  stock(device: DeviceRef): Promise<KeyStock>;
}

export type BundleClaim = {
  readonly device: DeviceRef;
  readonly algorithms: readonly string[];
  /** Who claims and under which transaction id; none for a claim that cannot be repeated. */
  readonly repeat?: { readonly claimer: string; readonly txnId: string };
  readonly fallbackOnly: boolean;
};
