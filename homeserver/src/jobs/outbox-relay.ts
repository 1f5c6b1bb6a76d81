import type { Redis } from 'ioredis';
import type { JobQueue, JobRequest } from '../ports/job-queue.ts';
import type { Logger } from '../ports/logger.ts';
import type { Outbox, OutboxRow } from '../storage/mongo/outbox.ts';
import type { JobDefinition } from './define-job.ts';
import type { Queues } from './queues.ts';

export type RelayDeps = {
  readonly outbox: Outbox;
  readonly queues: Queues;
  readonly redis: Redis;
  readonly jobs: ReadonlyMap<string, JobDefinition>;
  readonly logger: Logger;
};

const BATCH = 200;
/** How often the outbox is looked at without being told to, in ms: for delayed jobs and other processes' rows. */
const POLL_MS = 1_000;
/** A job handed over this long ago and still not done is handed over again: Redis may have forgotten it. */
const LOST_AFTER_MS = 60_000;
const CHECK_LOST_EVERY_MS = 30_000;

/**
 * Hands waiting jobs from the database to BullMQ. Anything may fail at any point: a row is removed only by the worker
 * that has done it, and handing over is idempotent, so a job is run at least once whatever Redis forgets.
 */
export class OutboxRelay implements JobQueue, AsyncDisposable {
  readonly #deps: RelayDeps;
  #running: Promise<void> | undefined;
  #again = false;
  #timers: NodeJS.Timeout[] = [];
  #stopped = false;

  constructor(deps: RelayDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#timers = [
      setInterval(() => this.poke(), POLL_MS).unref(),
      setInterval(() => void this.#recover(LOST_AFTER_MS), CHECK_LOST_EVERY_MS).unref(),
    ];
    // A Redis that was restarted may have come back empty.
    this.#deps.redis.on('ready', () => void this.#recover(0));
    void this.#recover(0);
  }

  async enqueue(requests: readonly JobRequest[]): Promise<void> {
    await this.#deps.outbox.add(requests);
    this.poke();
  }

  /** Looks at the outbox soon. To be called after a transaction that added rows. */
  poke(): void {
    if (this.#stopped || this.#deps.redis.status !== 'ready') return;
    this.#again = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  /** Resolves when everything due has been handed over. For tests and orderly stops. */
  async drain(): Promise<void> {
    this.poke();
    await this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    for (const timer of this.#timers) clearInterval(timer);
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#again && !this.#stopped) {
      this.#again = false;
      try {
        const rows = await this.#deps.outbox.due(BATCH);
        if (rows.length === 0) return;
        await this.#hand(rows);
        this.#again ||= rows.length === BATCH;
      } catch (error) {
        this.#deps.logger.warn({ err: error }, 'could not hand jobs over; trying again');
        return;
      }
    }
  }

  async #hand(rows: readonly OutboxRow[]): Promise<void> {
    const byName = Map.groupBy(rows, ({ name }) => name);
    for (const [name, group] of byName) {
      const job = this.#deps.jobs.get(name);
      if (job === undefined) {
        for (const { _id } of group)
          await this.#deps.outbox.failed(_id.toHexString(), 'no such job in this version');
        this.#deps.logger.error({ job: name }, 'a waiting job is unknown to this version');
        continue;
      }
      await this.#deps.queues.relay(
        job,
        group.map(({ _id, payload }) => ({ id: _id.toHexString(), payload })),
      );
      await this.#deps.outbox.markRelayed(group.map(({ _id }) => _id));
    }
  }

  async #recover(ageMs: number): Promise<void> {
    if (this.#stopped) return;
    try {
      await this.#deps.outbox.markLost(ageMs);
      this.poke();
    } catch (error) {
      this.#deps.logger.debug({ err: error }, 'could not look for lost jobs');
    }
  }
}
