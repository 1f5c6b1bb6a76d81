import { createIndexes } from '../create-indexes.ts';
import { CLAIMED_KEYS_INDEXES, ONE_TIME_KEYS } from '../keys/key-collections.ts';
import { DEHYDRATED_DEVICES } from '../keys/mongo-dehydrated-store.ts';
import { TO_DEVICE_SEEN, TO_DEVICE_SEEN_INDEXES } from '../keys/to-device-collection.ts';
import type { Migration } from '../migrations.ts';

/** Keys that are kept for the repeats of a claim, messages that come once, and dehydrated devices. */
export const keyClaimsMigration: Migration = {
  name: '0021-key-claims',
  up: async (db) => {
    await createIndexes(db, ONE_TIME_KEYS, CLAIMED_KEYS_INDEXES);
    await createIndexes(db, TO_DEVICE_SEEN, TO_DEVICE_SEEN_INDEXES);
    await createIndexes(db, DEHYDRATED_DEVICES, []);
  },
};
