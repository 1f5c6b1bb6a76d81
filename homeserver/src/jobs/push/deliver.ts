import { z } from 'zod';
import type { DeliverPushes } from '../../domain/push/deliver-pushes.ts';
import { DELIVER_PUSHES } from '../../domain/push/jobs.ts';
import { defineJob } from '../define-job.ts';

/** Delivers what waits for a pusher. Failures of gateways are not failures of the job: it comes back by itself. */
export const deliverPushesJob = (deliver: DeliverPushes) =>
  defineJob({
    name: DELIVER_PUSHES,
    queue: 'push',
    retry: { attempts: 10, backoffMs: 1_000 },
    payload: z.object({ pusher: z.string() }),
    run: ({ pusher }, { log, signal }) => deliver.deliver(pusher, log, signal),
  });
