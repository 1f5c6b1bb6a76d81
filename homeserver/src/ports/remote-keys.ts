import type { JsonObject } from '@nyx/federation/json/value.ts';
import type { UploadedKey } from './device-key-store.ts';

/** Identity keys of a user's devices and the user's cross-signing keys, as another server tells them. */
export type RemoteUserKeys = {
  readonly devices: ReadonlyMap<string, JsonObject>;
  readonly master?: JsonObject;
  readonly selfSigning?: JsonObject;
};

/** Claimed keys by user, device and key id. */
export type ClaimedKeys = Map<string, Map<string, Map<string, UploadedKey>>>;

/** What is asked of one server: algorithms by user and device. */
export type ClaimWish = ReadonlyMap<string, ReadonlyMap<string, readonly string[]>>;

/** Keys of other servers' users. Every method rejects when the server cannot be reached in time. */
export interface RemoteKeys {
  /** Current keys of the users of `server`, from the cache where device-list updates keep it current. */
  query(
    server: string,
    userIds: readonly string[],
    timeoutMs: number,
  ): Promise<ReadonlyMap<string, RemoteUserKeys>>;
  /** Claims keys. Never repeated by itself: a repeat burns keys. */
  claim(
    server: string,
    wish: ClaimWish,
    options: { readonly timeoutMs: number; readonly bundleTxnId?: string },
  ): Promise<ClaimedKeys>;
}
