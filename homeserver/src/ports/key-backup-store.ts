import type { JsonObject } from '@nyx/federation/json/value.ts';

/** One backup of a user's room keys: a version that was not deleted. */
export type KeyBackup = {
  /** Decimal number that counts the user's backups. */
  readonly version: string;
  readonly algorithm: string;
  readonly authData: JsonObject;
  /** Changes whenever a key of the backup does. */
  readonly etag: string;
  readonly count: number;
};

/** An encrypted room key as clients back it up (spec: Client-Server API, KeyBackupData). */
export type BackedUpKey = {
  readonly roomId: string;
  readonly sessionId: string;
  readonly firstMessageIndex: number;
  readonly forwardedCount: number;
  readonly isVerified: boolean;
  readonly sessionData: JsonObject;
};

/** Which keys of a backup: all, one room's, or one. */
export type KeySelection = { readonly roomId?: string; readonly sessionId?: string };

/** Whether `candidate` should take the place of `existing`. */
export type IsBetterKey = (candidate: BackedUpKey, existing: BackedUpKey) => boolean;

/** Backups of room keys, encrypted by their owners. */
export interface KeyBackupStore {
  create(userId: string, algorithm: string, authData: JsonObject): Promise<string>;
  /** The given version, or the newest. */
  find(userId: string, version?: string): Promise<KeyBackup | undefined>;
  setAuthData(userId: string, version: string, authData: JsonObject): Promise<void>;
  /** Deletes the backup with its keys. False when there is none. */
  remove(userId: string, version: string): Promise<boolean>;
  keys(userId: string, version: string, selection: KeySelection): Promise<readonly BackedUpKey[]>;
  /** Adds keys; where one exists, the better one stays. */
  putKeys(
    userId: string,
    version: string,
    keys: readonly BackedUpKey[],
    isBetter: IsBetterKey,
  ): Promise<void>;
  removeKeys(userId: string, version: string, selection: KeySelection): Promise<void>;
}
