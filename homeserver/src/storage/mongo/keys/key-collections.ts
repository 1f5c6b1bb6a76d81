import type { mongo } from 'mongoose';
import type { NamedIndex } from '../create-indexes.ts';
import { fenceIndexes } from '../stream-leases.ts';

/** Identity keys of one device. Keys are kept as JSON text: byte-faithful, whatever characters their names hold. */
export type DeviceKeysRow = {
  /** `deviceName`. */
  readonly _id: string;
  readonly userId: string;
  readonly json: string;
};

/** A one-time key waiting to be claimed. Claiming deletes the row, or moves it to where it waits for repeats. */
export type OneTimeKeyRow = {
  readonly _id: mongo.ObjectId;
  /** `deviceName`. */
  readonly device: string;
  readonly algorithm: string;
  readonly keyId: string;
  /** Upload order. */
  readonly order: number;
  /** The batch of the upload that brought it. */
  readonly batch: string;
  readonly json: string;
  /** The bundle claim and algorithm that it was given for; `device` is then `claimedName`. */
  readonly claimedFor?: string;
  readonly claimedAt?: Date;
  /** Fallback keys that were given with it, as JSON text. */
  readonly spares?: string;
};

/** The one fallback key of a device for an algorithm. */
export type FallbackKeyRow = {
  /** `deviceName`, line feed, algorithm. */
  readonly _id: string;
  readonly device: string;
  readonly algorithm: string;
  readonly keyId: string;
  readonly json: string;
  readonly used: boolean;
  readonly uploadedAt: Date;
};

/** Digests of the ids and keys of one upload: what is remembered of keys after they were claimed. */
export type KeyBatchRow = {
  readonly _id: string;
  readonly device: string;
  readonly uploadedAt: Date;
  readonly ids: readonly string[];
  readonly digests: readonly string[];
  /** When the last of its keys was found to be gone; 90 days later nobody can hold one of them any more. */
  readonly exhaustedAt?: Date;
};

/** An answer to a claim of a bundle that no one-time key stands for: fallback keys alone, or another server's keys. */
export type BundleClaimRow = { readonly _id: string; readonly claimedAt: Date; readonly json: string };

/** The newest change of a user's device list. One row per user, so that reading a range costs what has changed. */
export type DeviceListChangeRow = {
  /** The user id; with a line feed and the viewer when only that one is told. */
  readonly _id: string;
  readonly position: number;
  readonly user: string;
  readonly viewer: string | null;
};

/** The newest word to a device about its stock of keys. */
export type DeviceSignalRow = {
  /** `deviceName`. */
  readonly _id: string;
  readonly position: number;
  readonly askedAt: Date;
  /** How often it was asked since it last uploaded. */
  readonly times: number;
};

export const DEVICE_KEYS = 'deviceKeys';
export const ONE_TIME_KEYS = 'oneTimeKeys';
export const FALLBACK_KEYS = 'fallbackKeys';
export const KEY_BATCHES = 'oneTimeKeyBatches';
export const BUNDLE_CLAIMS = 'bundleClaims';
export const DEVICE_LIST_CHANGES = 'deviceListChanges';
export const DEVICE_SIGNALS = 'deviceSignals';

/** How long ids of spent keys are refused (design: 90 days), and answers of bundle claims are kept. */
const SPENT_TTL_SECONDS = 90 * 86_400;
const CLAIM_TTL_SECONDS = 86_400;

export const DEVICE_KEYS_INDEXES: readonly NamedIndex[] = [{ name: 'device_keys_user', key: { userId: 1 } }];

/** The index in which claims look for the oldest key. */
export const CLAIM_INDEX = 'one_time_keys_claim';
export const CLAIM_KEY = { device: 1, algorithm: 1, order: 1 } as const;
export const ONE_TIME_KEY_ID_INDEX = 'one_time_keys_id';

export const ONE_TIME_KEYS_INDEXES: readonly NamedIndex[] = [
  { name: CLAIM_INDEX, key: CLAIM_KEY },
  { name: ONE_TIME_KEY_ID_INDEX, key: { device: 1, keyId: 1 }, unique: true },
  { name: 'one_time_keys_batch', key: { batch: 1 } },
];

export const CLAIMED_FOR_INDEX = 'one_time_keys_claimed_for';

/** Since bundle claims keep the key they took beside the stock, for their repeats. */
export const CLAIMED_KEYS_INDEXES: readonly NamedIndex[] = [
  { name: CLAIMED_FOR_INDEX, key: { claimedFor: 1 }, unique: true, sparse: true },
  {
    name: 'one_time_keys_claimed_at',
    key: { claimedAt: 1 },
    sparse: true,
    expireAfterSeconds: CLAIM_TTL_SECONDS,
  },
];

export const FALLBACK_KEYS_INDEXES: readonly NamedIndex[] = [
  { name: 'fallback_keys_device', key: { device: 1 } },
  { name: 'fallback_keys_age', key: { algorithm: 1, uploadedAt: 1 } },
];

export const KEY_BATCHES_INDEXES: readonly NamedIndex[] = [
  { name: 'key_batches_device', key: { device: 1 } },
  {
    name: 'key_batches_exhausted',
    key: { exhaustedAt: 1 },
    sparse: true,
    expireAfterSeconds: SPENT_TTL_SECONDS,
  },
];

export const BUNDLE_CLAIMS_INDEXES: readonly NamedIndex[] = [
  { name: 'bundle_claims_age', key: { claimedAt: 1 }, expireAfterSeconds: CLAIM_TTL_SECONDS },
];

export const DEVICE_LIST_CHANGES_INDEXES: readonly NamedIndex[] = fenceIndexes('position');

export const DEVICE_SIGNALS_INDEXES: readonly NamedIndex[] = fenceIndexes('position');
