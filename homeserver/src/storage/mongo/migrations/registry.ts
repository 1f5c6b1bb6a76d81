import type { Migration } from '../migrations.ts';
import { baseMigration } from './0001-base.ts';
import { accountsMigration } from './0002-accounts.ts';
import { roomsMigration } from './0010-rooms.ts';
import { keysMigration } from './0020-keys.ts';
import { keyClaimsMigration } from './0021-key-claims.ts';
import { federationMigration } from './0030-federation.ts';
import { partialStatesMigration } from './0031-partial-states.ts';
import { postponedEventsMigration } from './0032-postponed-events.ts';
import { queueOrderMigration } from './0033-queue-order.ts';
import { gapsMigration } from './0034-gaps.ts';
import { mediaMigration } from './0040-media.ts';
import { pushMigration } from './0050-push.ts';
import { searchMigration } from './0051-search.ts';
import { mediaCopiesMigration } from './0052-media-copies.ts';
import { slidingSyncMigration } from './0060-sliding-sync.ts';
import { pluginsMigration } from './0061-plugins.ts';
import { listingsMigration } from './0062-listings.ts';

/** Every migration, in the order of their names. */
export const MIGRATIONS: readonly Migration[] = [
  baseMigration,
  accountsMigration,
  roomsMigration,
  keysMigration,
  keyClaimsMigration,
  federationMigration,
  partialStatesMigration,
  postponedEventsMigration,
  queueOrderMigration,
  gapsMigration,
  mediaMigration,
  pushMigration,
  searchMigration,
  mediaCopiesMigration,
  slidingSyncMigration,
  pluginsMigration,
  listingsMigration,
];
