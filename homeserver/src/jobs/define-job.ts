import type { z } from 'zod';
import type { Logger } from '../ports/logger.ts';

/** Names of the queues; each has its own concurrency and its own place on the queue page. */
export type QueueName = 'default' | 'federation' | 'push' | 'media' | 'keys' | 'maintenance';

/** Try again later: the peer is down, the lock is taken. */
export class RetryableError extends Error {
  override readonly name = 'RetryableError';
  readonly code = 'retryable';
}

/** Trying again would change nothing. The job is kept as failed. */
export class PermanentError extends Error {
  override readonly name = 'PermanentError';
  readonly code = 'permanent';
}

export type JobContext = {
  readonly id: string;
  /** 1 for the first try. */
  readonly attempt: number;
  readonly log: Logger;
  /** Aborts when the process stops; long jobs give up and are run again elsewhere. */
  readonly signal: AbortSignal;
};

export type RetryPolicy = {
  readonly attempts: number;
  /** First pause; it doubles with each attempt. */
  readonly backoffMs: number;
};

type JobOptions = {
  /** `area.verb`, e.g. `keys.replenish`. Stored with waiting jobs, so never renamed carelessly. */
  readonly name: string;
  readonly queue: QueueName;
  readonly retry: RetryPolicy;
};

/** A job as its file declares it. `run` may happen twice for one payload, so it must be idempotent. */
export type JobSpec<P extends z.ZodType> = JobOptions & {
  readonly payload: P;
  run(payload: z.output<P>, context: JobContext): Promise<void>;
};

/** A job as the worker sees it. */
export type JobDefinition = JobOptions & {
  readonly payload: z.ZodType;
  run(payload: unknown, context: JobContext): Promise<void>;
};

/** Declares a job; its payload is parsed through the schema before `run` sees it. */
export const defineJob = <P extends z.ZodType>(spec: JobSpec<P>): JobDefinition => spec;
