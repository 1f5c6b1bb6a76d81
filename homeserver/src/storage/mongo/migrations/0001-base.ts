import { createIndexes } from '../create-indexes.ts';
import type { Migration } from '../migrations.ts';
import { OUTBOX_INDEXES } from '../outbox.ts';

/** The collections of the foundation: stream positions and the outbox of jobs. */
export const baseMigration: Migration = {
  name: '0001-base',
  up: async (db) => {
    await createIndexes(db, 'streamPositions', []);
    await createIndexes(db, 'outbox', OUTBOX_INDEXES);
  },
};
