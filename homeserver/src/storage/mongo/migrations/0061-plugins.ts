import { createIndexes } from '../create-indexes.ts';
import type { Migration } from '../migrations.ts';
import {
  PLUGIN_SCHEDULES,
  PLUGIN_SPACES,
  PLUGIN_VALUE_INDEXES,
  PLUGIN_VALUES,
} from '../plugins/mongo-plugin-storage.ts';

/** What plugins keep, and when their schedules run. */
export const pluginsMigration: Migration = {
  name: '0061-plugins',
  up: async (db) => {
    await createIndexes(db, PLUGIN_VALUES, PLUGIN_VALUE_INDEXES);
    await createIndexes(db, PLUGIN_SPACES, []);
    await createIndexes(db, PLUGIN_SCHEDULES, []);
  },
};
