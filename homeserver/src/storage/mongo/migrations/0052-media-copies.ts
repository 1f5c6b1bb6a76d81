import { createIndexes } from '../create-indexes.ts';
import { MEDIA, MEDIA_SEEN_INDEX } from '../media/mongo-media.ts';
import { THUMBNAIL_INDEXES, THUMBNAILS } from '../media/mongo-thumbnails.ts';
import { PREVIEW_INDEXES, PREVIEWS } from '../media/mongo-previews.ts';
import type { Migration } from '../migrations.ts';

/** Thumbnails, previews of links, and when copies of other servers' files were last asked for. */
export const mediaCopiesMigration: Migration = {
  name: '0052-media-copies',
  up: async (db) => {
    await createIndexes(db, THUMBNAILS, THUMBNAIL_INDEXES);
    await createIndexes(db, PREVIEWS, PREVIEW_INDEXES);
    await createIndexes(db, MEDIA, [MEDIA_SEEN_INDEX]);
    // Files without an owner are those of other servers.
    await db
      .collection(MEDIA)
      .updateMany({ owner: { $exists: false }, seenAt: { $exists: false } }, [
        { $set: { seenAt: '$createdAt' } },
      ]);
  },
};
