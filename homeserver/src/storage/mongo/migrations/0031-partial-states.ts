import { createIndexes } from '../create-indexes.ts';
import { STATE_LAYERS } from '../events/event-indexes.ts';
import { PARTIAL_INDEXES } from '../events/mongo-state-layers.ts';
import type { Migration } from '../migrations.ts';

/** States of rooms that were joined without their members, to be found after a crash. */
export const partialStatesMigration: Migration = {
  name: '0031-partial-states',
  up: (db) => createIndexes(db, STATE_LAYERS, PARTIAL_INDEXES),
};
