import { createIndexes } from '../create-indexes.ts';
import { INBOUND_STAGED, POSTPONED_INDEXES } from '../federation/mongo-inbound.ts';
import type { Migration } from '../migrations.ts';

/** Received events whose past could not be had yet. */
export const postponedEventsMigration: Migration = {
  name: '0032-postponed-events',
  up: (db) => createIndexes(db, INBOUND_STAGED, POSTPONED_INDEXES),
};
