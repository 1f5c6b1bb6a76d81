import type { JsonObject } from '@nyx/federation/json/value.ts';

export type CrossSigningUsage = 'master' | 'self_signing' | 'user_signing';

/** A user's cross-signing keys, as uploaded. */
export type CrossSigningKeys = Partial<Record<CrossSigningUsage, JsonObject>>;

/** One signature on a device's keys or a master key, by a key of `signer`. */
export type KeySignature = {
  readonly signer: string;
  readonly targetUser: string;
  /** Device id, or the master key in Base64. */
  readonly target: string;
  /** `ed25519:...`, the signing key. */
  readonly keyId: string;
  readonly signature: string;
};

/** Cross-signing keys and the signatures they make. */
export interface CrossSigningStore {
  ofUsers(userIds: readonly string[]): Promise<ReadonlyMap<string, CrossSigningKeys>>;
  /** Replaces keys; a new master key drops the others that are not given, and the signatures they made. */
  put(userId: string, keys: CrossSigningKeys): Promise<void>;
  /** Signatures on what belongs to the users: made by themselves, or by `viewer`. */
  signatures(userIds: readonly string[], viewer: string | undefined): Promise<readonly KeySignature[]>;
  addSignatures(signatures: readonly KeySignature[]): Promise<void>;
}
