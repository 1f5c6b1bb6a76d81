import type { ChainKey, MessageKey } from '../primitives/kdf-chain.ts';
import type { Secret } from '../primitives/secret.ts';
import type { X25519KeyPair } from '../primitives/x25519.ts';
import type { KemSharedSecret } from '../primitives/ml-kem.ts';
import type { RootKey } from '../x3dh/x3dh.ts';

/** A key for a frame that was overtaken by later ones of its chain. */
export type SkippedKey = {
  readonly n: number;
  readonly key: MessageKey;
  /** Clock (ms) when it was set aside: it is dropped SKIPPED_KEY_LIFETIME_MS later. */
  readonly at: number;
};

export type ReceivingChain = {
  /** The peer's ratchet key that this chain belongs to. */
  readonly dh: Uint8Array;
  /** Undefined once every frame of a closed chain has its key set aside or used. */
  readonly chainKey: ChainKey | undefined;
  /** Counter that `chainKey` is for. */
  readonly n: number;
  /** Length of the chain, known when the peer has left it. */
  readonly end: number | undefined;
  /** Clock (ms) when the peer left it. */
  readonly closedAt: number | undefined;
  /** Ascending by n. */
  readonly skipped: readonly SkippedKey[];
};

export type SendingChain = { readonly chainKey: ChainKey; readonly n: number };

/**
 * One side of a Double Ratchet. Immutable: operations return the next state and the secrets that it no longer uses,
 * which the caller wipes once the next state is committed.
 */
export type RatchetState = {
  readonly root: RootKey;
  /** Our ratchet key that the peer knows or will learn from the sending chain. */
  readonly own: X25519KeyPair;
  /** Undefined when the peer has turned the ratchet and our turn is due: it is made by the next send. */
  readonly sending: SendingChain | undefined;
  /** Frames sent on the chain before the current one ("pn"). */
  readonly previousCount: number;
  /** Newest first. */
  readonly receiving: readonly ReceivingChain[];
  /** A KEM secret that our next turn mixes into the root. */
  readonly mixOnSend: KemSharedSecret | undefined;
  /** A KEM secret that the peer's next turn mixes into the root. */
  readonly mixOnReceive: KemSharedSecret | undefined;
};

/** What a frame says about its place in the ratchet. */
export type RatchetHeader = {
  /** The sender's ratchet key, 32 bytes. */
  readonly dh: Uint8Array;
  readonly pn: number;
  readonly n: number;
};

/** HKDF info strings of the root key's step. */
export type RatchetLabels = { readonly root: Uint8Array; readonly mixedRoot: Uint8Array };

/** Every secret of a state, for wiping a session that is dropped. */
export const ratchetSecrets = (state: RatchetState): Secret[] => {
  const secrets: (Secret | undefined)[] = [
    state.root,
    state.own.secret,
    state.sending?.chainKey,
    state.mixOnSend,
    state.mixOnReceive,
  ];
  for (const chain of state.receiving)
    secrets.push(chain.chainKey, ...chain.skipped.map((skipped) => skipped.key));
  return secrets.filter((secret) => secret !== undefined);
};

/** The secrets of `before` that `after` no longer holds. */
export const retiredSecrets = (before: RatchetState, after: RatchetState): Secret[] => {
  const kept = new Set(ratchetSecrets(after));
  return ratchetSecrets(before).filter((secret) => !kept.has(secret));
};
