import { createIndexes } from '../create-indexes.ts';
import type { Migration } from '../migrations.ts';
import { SLIDING_CONNECTION_INDEXES, SLIDING_CONNECTIONS } from '../sync/mongo-sliding-connections.ts';

/** Connections of sliding sync. */
export const slidingSyncMigration: Migration = {
  name: '0060-sliding-sync',
  up: async (db) => {
    await createIndexes(db, SLIDING_CONNECTIONS, SLIDING_CONNECTION_INDEXES);
  },
};
