import { z } from 'zod';
import type { CompleteRooms } from '../../domain/federation/complete-rooms.ts';
import type { StateLayerStore } from '../../ports/event-store.ts';
import type { JobQueue } from '../../ports/job-queue.ts';
import { defineJob } from '../define-job.ts';

export const COMPLETE_ROOM = 'federation.complete-room';

/** First pause after an attempt in which no server gave the state, doubled up to the longest. */
const RETRY_MS = 10_000;
const MAX_RETRY_MS = 3_600_000;

const payload = z.object({ layer: z.string(), attempt: z.number().int().nonnegative().default(0) });

/** Asks for that job; the same state is worked on once at a time. */
export const completeRoomRequest = (layer: string, attempt: number, delayMs: number) => ({
  name: COMPLETE_ROOM,
  payload: { layer, attempt },
  // The one that waits must not stand in the way of the next attempt, which is added before it is done.
  key: `${layer} ${attempt}`,
  delayMs,
});

/** Fetches the members of a room that was joined without them; comes back until they are here. */
export const completeRoomJob = (rooms: CompleteRooms, layers: StateLayerStore, queue: JobQueue) =>
  defineJob({
    name: COMPLETE_ROOM,
    queue: 'federation',
    retry: { attempts: 10, backoffMs: 1_000 },
    payload,
    run: async ({ layer: id, attempt }) => {
      const [layer] = await layers.get([id]);
      if (layer?.partial === undefined || (await rooms.complete(layer))) return;
      const delayMs = Math.min(RETRY_MS * 2 ** attempt, MAX_RETRY_MS);
      await queue.enqueue([completeRoomRequest(id, Math.min(attempt + 1, 30), delayMs)]);
    },
  });
