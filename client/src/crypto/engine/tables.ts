/** The vault's tables that more than one part of the engine uses. Names are part of the stored format. */
import { jsonTable, type Table } from '../../vault/table.ts';
import type { EpochRecord } from '../group/epoch-record.ts';
import { epochTable } from '../group/epoch-record.ts';
import type { RoomRecord } from '../group/room-record.ts';
import type { UserRecord } from '../identity/user-record.ts';
import { Secret } from '../primitives/secret.ts';

export const USERS: Table<UserRecord> = jsonTable('users');
export const ROOMS: Table<RoomRecord> = jsonTable('rooms');
export const EPOCHS: Table<EpochRecord> = epochTable;
/** Highest generation seen in a timeline, by kid. */
export const TOPS: Table<number> = jsonTable('tops');
/** Kids whose key has to go to the backup. */
export const BACKUP_TODO: Table<true> = jsonTable('backup-todo');

/**
 * Members that another device of ours had verified, out of the backup: room -> user -> signature of the join. It
 * stands in where an invitation was signed by a device that is gone.
 */
export const KNOWN_MEMBERS: Table<Readonly<Record<string, string>>> = jsonTable('known-members');

/** Private keys by name: the device's two, the three of cross-signing, those for secret storage and backup. */
export const SECRETS: Table<Secret> = {
  name: 'secrets',
  encode: (secret) => secret.expose().slice(),
  decode: (bytes) => Secret.copy('stored', bytes),
  cached: false,
};

export type SecretName =
  | 'device.ed25519'
  | 'device.x25519'
  | 'master'
  | 'self_signing'
  | 'user_signing'
  | 'storage'
  | 'backup'
  | 'seed';
