import type { Redis } from 'ioredis';
import type { Logger } from '../ports/logger.ts';
import type { JobDefinition } from './define-job.ts';
import type { Queues } from './queues.ts';

/** A job that is run again and again. */
export type Schedule = {
  readonly job: JobDefinition;
  readonly everyMs: number;
  readonly payload: unknown;
};

/** Keeps the schedules in Redis, and puts them back when Redis was restarted empty. */
export const keepSchedules = (
  schedules: readonly Schedule[],
  { queues, redis, logger }: { readonly queues: Queues; readonly redis: Redis; readonly logger: Logger },
): Disposable => {
  const write = async (): Promise<void> => {
    for (const { job, everyMs, payload } of schedules) {
      await queues
        .get(job.queue)
        .upsertJobScheduler(job.name, { every: everyMs }, { name: job.name, data: { payload } });
    }
  };
  const onReady = (): void => {
    write().catch((error: unknown) => logger.warn({ err: error }, 'could not write the job schedules'));
  };
  redis.on('ready', onReady);
  if (redis.status === 'ready') onReady();
  return { [Symbol.dispose]: () => void redis.off('ready', onReady) };
};
