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

/** A member who joined before our eyes and has not signed yet. */
export type AwaitedMember = {
  /** Clock (ms) when we saw the join. */
  readonly since: number;
  /** Highest generation in use then, by kid of the epochs that were open. */
  readonly floors: Readonly<Record<string, number>>;
  /** Generation from which the member may have an epoch that we sent under since, by kid. */
  readonly from: Readonly<Record<string, number>>;
};
/** Awaited members by room, then by user. */
export type AwaitedMembers = Readonly<Record<string, AwaitedMember>>;
export const AWAITED: Table<AwaitedMembers> = jsonTable('awaited-members');

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
