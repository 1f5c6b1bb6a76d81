import type { JsonObject } from '@nyx/federation/json/value.ts';
import type {
  BackedUpKey,
  KeyBackup,
  KeyBackupStore,
  KeySelection,
} from '../../../ports/key-backup-store.ts';
import { DomainError } from '../../errors.ts';

/** Most keys in one request; clients send 100 to 200 at a time. */
export const MAX_KEYS_PER_BACKUP_REQUEST = 10_000;

/**
 * Whether a key replaces the one that is stored (spec: Client-Server API, Backup algorithm: replacing keys): verified
 * over unverified, then the lower first index, then fewer forwards.
 */
export const isBetterKey = (candidate: BackedUpKey, existing: BackedUpKey): boolean => {
  if (candidate.isVerified !== existing.isVerified) return candidate.isVerified;
  if (candidate.firstMessageIndex !== existing.firstMessageIndex)
    return candidate.firstMessageIndex < existing.firstMessageIndex;
  return candidate.forwardedCount < existing.forwardedCount;
};

/** What clients are told after a change of keys. */
export type BackupState = Pick<KeyBackup, 'etag' | 'count'>;

/** Backups of one user at a time. */
export class KeyBackups {
  readonly #store: KeyBackupStore;

  constructor(store: KeyBackupStore) {
    this.#store = store;
  }

  create(userId: string, algorithm: string, authData: JsonObject): Promise<string> {
    return this.#store.create(userId, algorithm, authData);
  }

  /** The given version, or the newest. Throws `not_found`. */
  async find(userId: string, version?: string): Promise<KeyBackup> {
    const backup = await this.#store.find(userId, version);
    if (backup === undefined) throw new DomainError('not_found', 'Unknown backup version');
    return backup;
  }

  /** Changes the authentication data; the algorithm of a backup never changes. */
  async update(userId: string, version: string, algorithm: string, authData: JsonObject): Promise<void> {
    const backup = await this.find(userId, version);
    if (backup.algorithm !== algorithm)
      throw new DomainError('invalid_param', 'The algorithm of a backup cannot be changed');
    await this.#store.setAuthData(userId, version, authData);
  }

  async remove(userId: string, version: string): Promise<void> {
    if (!(await this.#store.remove(userId, version)))
      throw new DomainError('not_found', 'Unknown backup version');
  }

  async keys(userId: string, version: string, selection: KeySelection): Promise<readonly BackedUpKey[]> {
    await this.find(userId, version);
    return this.#store.keys(userId, version, selection);
  }

  /** Adds keys to the newest backup. Throws `wrong_room_keys_version` for an older one. */
  async putKeys(userId: string, version: string, keys: readonly BackedUpKey[]): Promise<BackupState> {
    if (keys.length > MAX_KEYS_PER_BACKUP_REQUEST)
      throw new DomainError('invalid_param', `At most ${MAX_KEYS_PER_BACKUP_REQUEST} keys at once`);
    const newest = await this.find(userId);
    if (newest.version !== version) {
      throw new DomainError('wrong_room_keys_version', 'This is not the current version of the backup', {
        fields: { current_version: newest.version },
      });
    }
    await this.#store.putKeys(userId, version, keys, isBetterKey);
    return this.find(userId, version);
  }

  async removeKeys(userId: string, version: string, selection: KeySelection): Promise<BackupState> {
    await this.find(userId, version);
    await this.#store.removeKeys(userId, version, selection);
    return this.find(userId, version);
  }
}
