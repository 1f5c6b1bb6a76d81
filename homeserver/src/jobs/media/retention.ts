import { z } from 'zod';
import { deleteUnseen, type RetentionPorts } from '../../domain/media/retention.ts';
import type { Clock } from '../../ports/clock.ts';
import { defineJob } from '../define-job.ts';

/** Deletes copies of other servers' files that nobody asked for in `retentionMs`. */
export const retentionJob = (ports: RetentionPorts, clock: Clock, retentionMs: number) =>
  defineJob({
    name: 'media.retention',
    queue: 'maintenance',
    retry: { attempts: 3, backoffMs: 10_000 },
    payload: z.object({}),
    run: async (_payload, { signal, log }) => {
      const files = await deleteUnseen(ports, clock.now() - retentionMs, signal);
      if (files > 0) log.info({ files }, 'deleted copies of remote media that nobody asked for');
    },
  });
