import { createIndexes } from '../create-indexes.ts';
import { LISTING_INDEXES, LISTINGS } from '../listings/mongo-listings.ts';
import type { Migration } from '../migrations.ts';

/** Rows of those who may be found by exact user id. */
export const listingsMigration: Migration = {
  name: '0062-listings',
  up: (db) => createIndexes(db, LISTINGS, LISTING_INDEXES),
};
