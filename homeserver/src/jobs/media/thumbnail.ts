import { z } from 'zod';
import { THUMBNAIL_JOB, type Thumbnails } from '../../domain/media/thumbnails.ts';
import type { MediaStore } from '../../ports/media-store.ts';
import { defineJob } from '../define-job.ts';

const shape = z.object({
  width: z.int().min(1).max(4_096),
  height: z.int().min(1).max(4_096),
  method: z.enum(['crop', 'scale']),
  animated: z.boolean(),
});

/** Makes a thumbnail that was asked for. */
export const thumbnailJob = (thumbnails: Thumbnails, store: MediaStore) =>
  defineJob({
    name: THUMBNAIL_JOB,
    queue: 'media',
    retry: { attempts: 3, backoffMs: 1_000 },
    payload: z.object({ server: z.string(), mediaId: z.string(), shape }),
    run: async ({ server, mediaId, shape: wanted }) => {
      const content = (await store.find(server, mediaId))?.content;
      if (content !== undefined) await thumbnails.make({ server, mediaId, content }, wanted);
    },
  });
