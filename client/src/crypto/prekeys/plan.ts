import { OTPK_ALGORITHM, SPK_ALGORITHM } from '../primitives/names.ts';
import {
  OTPK_BATCH,
  OTPK_LIFETIME_MS,
  OTPK_LOW_WATER,
  SPK_COPIES,
  SPK_COPIES_LOW_WATER,
  SPK_GRACE_MS,
  SPK_ROTATION_MS,
  type OneTimePrekey,
  type SignedPrekey,
} from './types.ts';

/** What `/sync` or `/keys/upload` says about the server's stock. */
export type ServerCounts = {
  /** `device_one_time_keys_count`; a missing algorithm counts 0. */
  readonly oneTime: Readonly<Record<string, number>>;
  /** `device_unused_fallback_key_types`; undefined when the server does not send it. */
  readonly unusedFallback: readonly string[] | undefined;
};

/** Whether the server hands out fallback keys; "unknown" until the capability test or a sync says so. */
export type FallbackSupport = 'unknown' | 'supported' | 'ignored';

/** What this device holds. */
export type PrekeyStock = {
  readonly oneTime: readonly OneTimePrekey[];
  /** The current one has no `supersededAt`. */
  readonly signed: readonly SignedPrekey[];
  readonly fallback: FallbackSupport;
};

/** What has to be done now; everything zero or empty when nothing has. */
export type PrekeyPlan = {
  /** Fresh one-time prekeys to make, store and then upload together with `republish`. */
  readonly generateOneTime: number;
  /** One-time prekeys that were stored but whose upload was never confirmed. */
  readonly republish: readonly OneTimePrekey[];
  /** Make a new signed prekey, mark the current one superseded, upload. */
  readonly rotateSigned: boolean;
  /** Copies of the (new) current signed prekey to upload as one-time keys. */
  readonly publishCopies: number;
  /** After the upload, claim our own signed prekey: see `fallback-check.ts`. */
  readonly checkFallback: boolean;
  /** Private keys to destroy. */
  readonly destroySigned: readonly number[];
  readonly destroyOneTime: readonly number[];
  readonly fallback: FallbackSupport;
};

/** The signed prekey that is published now. */
export const currentSigned = (stock: PrekeyStock): SignedPrekey | undefined =>
  stock.signed.find(({ supersededAt }) => supersededAt === undefined);

const count = (counts: ServerCounts, algorithm: string): number => {
  const value = counts.oneTime[algorithm];
  return value !== undefined && Number.isSafeInteger(value) && value > 0 ? value : 0;
};

/**
 * Signed prekeys to destroy: past their grace and with no copy left on the server. Servers hand keys out in upload
 * order, so what is left there are the newest copies.
 */
const expiredSigned = (stock: PrekeyStock, copiesLeft: number, now: number): number[] => {
  const newestFirst = stock.signed.toSorted((a, b) => b.createdAt - a.createdAt);
  const expired: number[] = [];
  let left = copiesLeft;
  for (const prekey of newestFirst) {
    const outstanding = left > 0 && prekey.copies > 0;
    left -= prekey.copies;
    if (prekey.supersededAt === undefined || outstanding) continue;
    if (now - prekey.supersededAt > SPK_GRACE_MS) expired.push(prekey.id);
  }
  return expired;
};

/** One-time prekeys that the server handed out so long ago that no message with them will come. */
const abandonedOneTime = (stock: PrekeyStock, onServer: number, now: number): number[] =>
  stock.oneTime
    .flatMap((prekey) =>
      prekey.publishedAt === undefined ? [] : [{ id: prekey.id, at: prekey.publishedAt }],
    )
    .sort((a, b) => b.at - a.at)
    .slice(onServer)
    .filter(({ at }) => now - at > OTPK_LIFETIME_MS)
    .map(({ id }) => id);

/** Decides what to make, upload and destroy, from the server's counts and what this device holds. */
export const planPrekeys = (stock: PrekeyStock, counts: ServerCounts, now: number): PrekeyPlan => {
  const onServer = count(counts, OTPK_ALGORITHM);
  const republish = stock.oneTime.filter(({ publishedAt }) => publishedAt === undefined);
  const expected = onServer + republish.length;
  const current = currentSigned(stock);
  const rotateSigned = current === undefined || now - current.createdAt >= SPK_ROTATION_MS;
  const fallback = counts.unusedFallback?.includes(SPK_ALGORITHM) ? 'supported' : stock.fallback;
  const copiesLeft = count(counts, SPK_ALGORITHM);
  const copies = rotateSigned || copiesLeft < SPK_COPIES_LOW_WATER ? SPK_COPIES : 0;
  return {
    generateOneTime: onServer < OTPK_LOW_WATER ? Math.max(0, OTPK_BATCH - expected) : 0,
    republish,
    rotateSigned,
    publishCopies: fallback === 'ignored' ? copies : 0,
    checkFallback: fallback === 'unknown',
    destroySigned: expiredSigned(stock, copiesLeft, now),
    destroyOneTime: abandonedOneTime(stock, onServer, now),
    fallback,
  };
};
