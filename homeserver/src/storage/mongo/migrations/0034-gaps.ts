import { createIndexes } from '../create-indexes.ts';
import { EVENTS, GAP_INDEXES } from '../events/event-indexes.ts';
import type { Migration } from '../migrations.ts';

/** Where a room's history is missing, to be asked for every event that comes late. */
export const gapsMigration: Migration = {
  name: '0034-gaps',
  up: (db) => createIndexes(db, EVENTS, GAP_INDEXES),
};
