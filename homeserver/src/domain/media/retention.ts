import type { BlobStore } from '../../ports/blob-store.ts';
import type { MediaStore } from '../../ports/media-store.ts';
import type { ThumbnailStore } from '../../ports/thumbnail-store.ts';

export type RetentionPorts = {
  readonly store: MediaStore;
  readonly thumbnails: ThumbnailStore;
  readonly blobs: BlobStore;
};

const BATCH = 200;
/** Most files deleted in one run; the next run goes on. */
const MAX_FILES = 20_000;

/**
 * Deletes copies that nobody asked for since a time, with their thumbnails. Bytes go before what is known of them, so
 * that a crash leaves nothing that nobody knows of. Returns how many files went.
 */
export const deleteUnseen = async (
  { store, thumbnails, blobs }: RetentionPorts,
  before: number,
  signal: AbortSignal,
): Promise<number> => {
  let deleted = 0;
  while (deleted < MAX_FILES && !signal.aborted) {
    const records = await store.unseenSince(before, BATCH);
    for (const { server, mediaId, content } of records) {
      const scaled = await thumbnails.blobsOf(server, mediaId);
      for (const blob of [...scaled, ...(content === undefined ? [] : [content.blob])])
        await blobs.remove(blob);
      await thumbnails.removeOf(server, mediaId);
      await store.remove(server, mediaId);
    }
    deleted += records.length;
    if (records.length < BATCH) break;
  }
  return deleted;
};
