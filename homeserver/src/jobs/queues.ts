import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { JobDefinition, QueueName } from './define-job.ts';

export const QUEUE_NAMES: readonly QueueName[] = [
  'default',
  'federation',
  'push',
  'media',
  'keys',
  'maintenance',
];

/** Finished jobs kept in Redis for the queue page; the truth about unfinished ones is the outbox. */
const KEEP_COMPLETED = 100;
const KEEP_FAILED = 500;

/** The BullMQ queues of this server. Made without waiting for Redis; closing does not wait for it either. */
export class Queues implements AsyncDisposable {
  readonly #queues: ReadonlyMap<QueueName, Queue>;

  constructor(connection: Redis, prefix: string) {
    this.#queues = new Map(
      QUEUE_NAMES.map((name) => {
        const queue = new Queue(name, {
          connection,
          prefix: `${prefix}:jobs`,
          skipVersionCheck: true,
          defaultJobOptions: { removeOnComplete: KEEP_COMPLETED, removeOnFail: KEEP_FAILED },
        });
        // The connection reports its state itself.
        queue.on('error', () => undefined);
        return [name, queue] as const;
      }),
    );
  }

  all(): Queue[] {
    return [...this.#queues.values()];
  }

  get(name: QueueName): Queue {
    const queue = this.#queues.get(name);
    if (queue === undefined) throw new RangeError(`No queue ${name}`);
    return queue;
  }

  /** Adds jobs that wait in the outbox under their rows' ids, so that adding them twice adds them once. */
  async relay(
    job: JobDefinition,
    rows: readonly { readonly id: string; readonly payload: unknown }[],
  ): Promise<void> {
    await this.get(job.queue).addBulk(
      rows.map(({ id, payload }) => ({
        name: job.name,
        data: { outboxId: id, payload },
        opts: {
          jobId: id,
          // A failed job that stayed would stand in the way of its row's next hand-over; the outbox keeps failures.
          removeOnFail: true,
          attempts: job.retry.attempts,
          backoff: { type: 'exponential', delay: job.retry.backoffMs },
        },
      })),
    );
  }

  /** Jobs waiting, running and delayed in Redis, by queue. */
  async depths(): Promise<Record<string, number>> {
    const depths: Record<string, number> = {};
    for (const queue of this.all()) {
      const counts = await queue.getJobCounts('waiting', 'active', 'delayed');
      depths[queue.name] = Object.values(counts).reduce((sum, count) => sum + count, 0);
    }
    return depths;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Their connection is shared and closed by its owner. To disconnect from a Redis that never came would take for ever.
    await Promise.allSettled(this.all().map((queue) => queue.close()));
  }
}
