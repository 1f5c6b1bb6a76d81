import { createIndexes } from '../create-indexes.ts';
import { MEDIA, MEDIA_INDEXES } from '../media/mongo-media.ts';
import type { Migration } from '../migrations.ts';

/** Content URIs and what they hold; the bytes themselves are in the blob store. */
export const mediaMigration: Migration = {
  name: '0040-media',
  up: (db) => createIndexes(db, MEDIA, MEDIA_INDEXES),
};
