import { createIndexes } from '../create-indexes.ts';
import {
  ANSWER_INDEXES,
  INBOUND_ANSWERS,
  INBOUND_STAGED,
  STAGED_INDEXES,
} from '../federation/mongo-inbound.ts';
import { DESTINATIONS, OUTBOUND_INDEXES, OUTBOUND_ITEMS } from '../federation/mongo-outbound.ts';
import { SERVER_KEY_INDEXES, SERVER_KEYS } from '../federation/mongo-server-keys.ts';
import type { Migration } from '../migrations.ts';

/** Other servers: their keys, what they sent, what they are to be sent. */
export const federationMigration: Migration = {
  name: '0030-federation',
  up: async (db) => {
    await createIndexes(db, SERVER_KEYS, SERVER_KEY_INDEXES);
    await createIndexes(db, INBOUND_ANSWERS, ANSWER_INDEXES);
    await createIndexes(db, INBOUND_STAGED, STAGED_INDEXES);
    await createIndexes(db, OUTBOUND_ITEMS, OUTBOUND_INDEXES);
    await createIndexes(db, DESTINATIONS, []);
  },
};
