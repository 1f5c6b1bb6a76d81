import { createIndexes } from '../create-indexes.ts';
import type { Migration } from '../migrations.ts';
import { SEARCH, SEARCH_INDEXES } from '../search/mongo-search-index.ts';
import { USER_DIRECTORY, USER_DIRECTORY_INDEXES } from '../search/mongo-user-directory.ts';

/** Words of messages and of users. They are filled from the stream of events, from its beginning. */
export const searchMigration: Migration = {
  name: '0051-search',
  up: async (db) => {
    await createIndexes(db, SEARCH, SEARCH_INDEXES);
    await createIndexes(db, USER_DIRECTORY, USER_DIRECTORY_INDEXES);
  },
};
