import { isServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import { z } from 'zod';
import type { Deliver } from '../../domain/federation/deliver.ts';
import type { OutboundStore } from '../../ports/federation-stores.ts';
import type { JobQueue } from '../../ports/job-queue.ts';
import { defineJob } from '../define-job.ts';

export const DELIVER = 'federation.deliver';

/** Works off the queue of one server, and comes back when it is to be tried again. */
export const deliverJob = (deliver: Deliver, queue: JobQueue) =>
  defineJob({
    name: DELIVER,
    queue: 'federation',
    retry: { attempts: 10, backoffMs: 1_000 },
    payload: z.object({ destination: z.string().refine(isServerName) }),
    run: async ({ destination }, { signal }) => {
      const { retryInMs } = await deliver.deliver(destination, signal);
      if (retryInMs === undefined) return;
      await queue.enqueue([
        { name: DELIVER, payload: { destination }, key: destination, delayMs: retryInMs },
      ]);
    },
  });

/** Most servers woken by one sweep. */
const SWEEP_LIMIT = 10_000;

/** Wakes every server for which something waits: whatever wake-up was lost is made good. */
export const sweepJob = (outbound: OutboundStore, queue: JobQueue) =>
  defineJob({
    name: 'federation.sweep',
    queue: 'federation',
    retry: { attempts: 3, backoffMs: 1_000 },
    payload: z.unknown(),
    run: async () => {
      const destinations = await outbound.waiting(SWEEP_LIMIT);
      await queue.enqueue(
        destinations.map((destination) => ({
          name: DELIVER,
          payload: { destination },
          key: destination,
        })),
      );
    },
  });
