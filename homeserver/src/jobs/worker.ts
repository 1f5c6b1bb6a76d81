import type { Job } from 'bullmq';
import { UnrecoverableError, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { ZodError, z } from 'zod';
import type { Logger } from '../ports/logger.ts';
import type { JobDefinition, QueueName } from './define-job.ts';
import { PermanentError, RetryableError } from './define-job.ts';

/** What the worker tells the outbox. */
export interface JobLedger {
  begin(id: string): Promise<boolean>;
  done(id: string): Promise<void>;
  failed(id: string, failure: string): Promise<void>;
}

export type WorkerDeps = {
  /** A connection of its own: workers block on it. */
  readonly connection: Redis;
  readonly prefix: string;
  readonly jobs: ReadonlyMap<string, JobDefinition>;
  readonly ledger: JobLedger;
  readonly logger: Logger;
  readonly concurrency: Readonly<Record<QueueName, number>>;
};

const dataSchema = z.object({ outboxId: z.string().optional(), payload: z.unknown() });

const isLastAttempt = (job: Job): boolean => job.attemptsMade + 1 >= (job.opts.attempts ?? 1);

const failureText = (error: unknown): string =>
  error instanceof Error ? `${error.name}: ${error.message}` : 'unknown';

/** Runs jobs of all queues. Only what is `Retryable` or unexpected is retried, and never more often than declared. */
export class JobWorker implements AsyncDisposable {
  readonly #deps: WorkerDeps;
  readonly #stopping = new AbortController();
  readonly #workers: readonly Worker[];
  readonly #running = new Set<Promise<void>>();

  constructor(deps: WorkerDeps) {
    this.#deps = deps;
    const queues = new Set([...deps.jobs.values()].map(({ queue }) => queue));
    this.#workers = [...queues].map((queue) => {
      const worker = new Worker(queue, (job) => this.#track(this.#process(job)), {
        connection: deps.connection,
        prefix: `${deps.prefix}:jobs`,
        concurrency: deps.concurrency[queue],
        skipVersionCheck: true,
      });
      worker.on('error', (error) => deps.logger.debug({ err: error, queue }, 'worker error'));
      return worker;
    });
  }

  /**
   * Lets running jobs end; after `graceMs` they are told to stop and left to be run again. What BullMQ waits for besides
   * the jobs, a Redis that may never come, holds nobody up.
   */
  async close(graceMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const outOfPatience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, graceMs);
    });
    await Promise.race([this.#closeInOrder(), outOfPatience]);
    clearTimeout(timer);
    this.#stopping.abort();
  }

  async #closeInOrder(): Promise<void> {
    // Only a first call of a worker's close() has an effect, so which kind it is must be decided before.
    const isConnected = this.#deps.connection.status === 'ready';
    if (!isConnected) await Promise.allSettled(this.#running);
    await Promise.allSettled(this.#workers.map((worker) => worker.close(!isConnected)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close(0);
  }

  async #track(run: Promise<void>): Promise<void> {
    this.#running.add(run);
    try {
      await run;
    } finally {
      this.#running.delete(run);
    }
  }

  async #process(job: Job): Promise<void> {
    const { outboxId, payload } = dataSchema.parse(job.data);
    const definition = this.#deps.jobs.get(job.name);
    if (definition === undefined) throw new UnrecoverableError(`No job ${job.name} in this version`);
    // Done before, by a worker whose word to Redis was lost.
    if (outboxId !== undefined && !(await this.#deps.ledger.begin(outboxId))) return;
    try {
      await definition.run(definition.payload.parse(payload), {
        id: job.id ?? '',
        attempt: job.attemptsMade + 1,
        log: this.#deps.logger.child({ job: job.name, jobId: job.id }),
        signal: this.#stopping.signal,
      });
    } catch (error) {
      await this.#fail(job, error, outboxId);
    }
    if (outboxId !== undefined) await this.#deps.ledger.done(outboxId);
  }

  async #fail(job: Job, error: unknown, outboxId: string | undefined): Promise<never> {
    const permanent = error instanceof PermanentError || error instanceof ZodError;
    const final = permanent || isLastAttempt(job);
    const fields = { err: error, job: job.name, jobId: job.id, attempt: job.attemptsMade + 1 };
    if (final) this.#deps.logger.error(fields, 'job failed');
    else if (!(error instanceof RetryableError)) this.#deps.logger.warn(fields, 'job failed, trying again');
    if (final && outboxId !== undefined) await this.#deps.ledger.failed(outboxId, failureText(error));
    if (permanent) throw new UnrecoverableError(failureText(error));
    throw error;
  }
}
