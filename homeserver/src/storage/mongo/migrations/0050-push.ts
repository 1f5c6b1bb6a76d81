import { createIndexes } from '../create-indexes.ts';
import type { Migration } from '../migrations.ts';
import { PUSH_INDEXES, PUSHES } from '../push/mongo-push-queue.ts';
import { PUSHER_INDEXES, PUSHERS } from '../push/mongo-pushers.ts';

/** Pushers, and what waits for them. */
export const pushMigration: Migration = {
  name: '0050-push',
  up: async (db) => {
    await createIndexes(db, PUSHERS, PUSHER_INDEXES);
    await createIndexes(db, PUSHES, PUSH_INDEXES);
  },
};
