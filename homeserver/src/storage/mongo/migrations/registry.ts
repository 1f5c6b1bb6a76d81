import type { Migration } from '../migrations.ts';
import { baseMigration } from './0001-base.ts';
import { accountsMigration } from './0002-accounts.ts';
import { roomsMigration } from './0010-rooms.ts';
import { keysMigration } from './0020-keys.ts';
import { federationMigration } from './0030-federation.ts';
import { mediaMigration } from './0040-media.ts';

/** Every migration, in the order of their names. */
export const MIGRATIONS: readonly Migration[] = [
  baseMigration,
  accountsMigration,
  roomsMigration,
  keysMigration,
  federationMigration,
  mediaMigration,
];
