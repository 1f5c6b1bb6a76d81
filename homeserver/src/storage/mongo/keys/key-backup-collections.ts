import type { NamedIndex } from '../create-indexes.ts';

/** A version of a user's backup. `_id` is user id, line feed, version. */
export type KeyBackupRow = {
  readonly _id: string;
  readonly userId: string;
  readonly number: number;
  readonly algorithm: string;
  readonly authData: string;
  /** Counts the changes of its keys. */
  readonly changes: number;
  readonly deleted: boolean;
};

/** An encrypted key. `_id` is the backup's, the room's and the session's ids, with line feeds between. */
export type KeyBackupSessionRow = {
  readonly _id: string;
  readonly backup: string;
  readonly roomId: string;
  readonly sessionId: string;
  readonly firstMessageIndex: number;
  readonly forwardedCount: number;
  readonly isVerified: boolean;
  readonly sessionData: string;
};

export const KEY_BACKUPS = 'keyBackups';
export const KEY_BACKUP_SESSIONS = 'keyBackupSessions';

/** Deleted versions stay as rows, so that numbers are not given twice. */
export const KEY_BACKUP_NUMBER_INDEX = 'key_backups_number';

export const KEY_BACKUPS_INDEXES: readonly NamedIndex[] = [
  { name: KEY_BACKUP_NUMBER_INDEX, key: { userId: 1, number: -1 }, unique: true },
];

export const KEY_BACKUP_SESSIONS_INDEXES: readonly NamedIndex[] = [
  { name: 'key_backup_sessions_room', key: { backup: 1, roomId: 1, sessionId: 1 } },
];
