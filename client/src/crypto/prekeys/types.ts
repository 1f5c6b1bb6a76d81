import type { MlKemKeyPair } from '../primitives/ml-kem.ts';
import type { X25519KeyPair } from '../primitives/x25519.ts';

/** One-time prekeys are made in batches; each batch has its own wrapping key in the vault. */
export type OneTimePrekey = {
  /** Random, not 0: sequential ids would tell how much a device is written to. */
  readonly id: number;
  readonly batch: number;
  readonly keys: X25519KeyPair;
  /** Clock (ms) when the server accepted it; undefined while that is not known: such keys are uploaded again. */
  readonly publishedAt: number | undefined;
};

export type SignedPrekey = {
  /** Random, not 0. */
  readonly id: number;
  /** Days since 1970-01-01 UTC when it was made; it is part of what is signed. */
  readonly createdDay: number;
  readonly createdAt: number;
  readonly keys: X25519KeyPair;
  readonly kem: MlKemKeyPair;
  /** Clock (ms) when a newer one took its place: the private key is destroyed SPK_GRACE_MS later. */
  readonly supersededAt: number | undefined;
  /** Copies of it uploaded as one-time keys, where the server ignores fallback keys. */
  readonly copies: number;
};

/** A peer's prekeys after every signature in them was checked. */
export type PrekeyBundle = {
  readonly signed: {
    readonly id: number;
    readonly createdDay: number;
    readonly x25519: Uint8Array;
    readonly kem: Uint8Array;
  };
  readonly oneTime: { readonly id: number; readonly x25519: Uint8Array } | undefined;
};

const DAY_MS = 24 * 60 * 60 * 1000;

export const OTPK_BATCH = 100;
/** Refill when the server holds fewer. */
export const OTPK_LOW_WATER = 50;
export const SPK_ROTATION_MS = 2 * DAY_MS;
/** How long a superseded signed prekey still answers handshakes that were started with it. */
export const SPK_GRACE_MS = 30 * DAY_MS;
/** Copies of the signed prekey published as one-time keys where the server ignores fallback keys. */
export const SPK_COPIES = 20;
/** Refill those when the server holds fewer. */
export const SPK_COPIES_LOW_WATER = 10;
/** Private one-time prekeys that were handed out and never used in this time are destroyed. */
export const OTPK_LIFETIME_MS = 90 * DAY_MS;
/** How far in the future a peer's signed prekey may be dated: its clock may be wrong. */
export const SPK_MAX_SKEW_DAYS = 2;

/** Days since 1970-01-01 UTC. */
export const dayOf = (ms: number): number => Math.floor(ms / DAY_MS);
