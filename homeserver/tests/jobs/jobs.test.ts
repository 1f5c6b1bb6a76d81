import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { JobDefinition } from '../../src/jobs/define-job.ts';
import { PermanentError, RetryableError, defineJob } from '../../src/jobs/define-job.ts';
import { OutboxRelay } from '../../src/jobs/outbox-relay.ts';
import { Queues } from '../../src/jobs/queues.ts';
import { keepSchedules } from '../../src/jobs/schedulers.ts';
import { JobWorker } from '../../src/jobs/worker.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { connectRedis, disconnectRedis } from '../../src/redis/connection.ts';
import { connectMongo, databaseOf } from '../../src/storage/mongo/connection.ts';
import { createIndexes } from '../../src/storage/mongo/create-indexes.ts';
import { OUTBOX_INDEXES, Outbox } from '../../src/storage/mongo/outbox.ts';
import { createTransact } from '../../src/storage/mongo/transaction.ts';
import { testServices } from '../../src/testing/services.ts';

const open: AsyncDisposableStack[] = [];
afterEach(async () => {
  for (const stack of open.splice(0)) await stack.disposeAsync();
});

const logger = createLogger('silent', { write: () => undefined });
const CONCURRENCY = { default: 5, federation: 5, push: 5, media: 5, keys: 5, maintenance: 1 };
const payload = z.object({ n: z.int() });

/** A relay and, unless told otherwise, a worker, on a database and a Redis prefix of their own. */
const setUp = async (definitions: readonly JobDefinition[], withWorker = true) => {
  const stack = new AsyncDisposableStack();
  open.push(stack);
  const services = stack.use(testServices());
  const connection = stack.adopt(
    await connectMongo({ uri: services.mongoUri, name: services.databaseName, maxPoolSize: 5 }),
    (one) => one.close(),
  );
  const db = databaseOf(connection);
  await createIndexes(db, 'outbox', OUTBOX_INDEXES);
  const redis = stack.adopt(connectRedis(services.redisUri, 'fail-fast', logger), disconnectRedis);
  await expect.poll(() => redis.status).toBe('ready');
  let now = Date.now();
  const outbox = new Outbox(db, { now: () => now });
  const jobs = new Map(definitions.map((job) => [job.name, job]));
  const queues = stack.use(new Queues(redis, services.redisPrefix));
  const relay = stack.use(new OutboxRelay({ outbox, queues, redis, jobs, logger }));
  relay.start();
  const startWorker = (): void => {
    const blocking = stack.adopt(connectRedis(services.redisUri, 'wait', logger), disconnectRedis);
    stack.use(
      new JobWorker({
        connection: blocking,
        prefix: services.redisPrefix,
        jobs,
        ledger: outbox,
        logger,
        concurrency: CONCURRENCY,
      }),
    );
  };
  if (withWorker) startWorker();
  const rows = db.collection('outbox');
  return {
    stack,
    redisPrefix: services.redisPrefix,
    redis,
    queues,
    relay,
    outbox,
    rows,
    startWorker,
    transact: createTransact(connection),
    pass: (ms: number) => (now += ms),
  };
};

const left = async (rows: { countDocuments(): Promise<number> }): Promise<number> => rows.countDocuments();

it('runs a job once, with its payload parsed, and forgets it', async () => {
  const runs: unknown[] = [];
  const job = defineJob({
    name: 'test.once',
    queue: 'default',
    retry: { attempts: 3, backoffMs: 1 },
    payload,
    run: async ({ n }, { attempt }) => void runs.push([n, attempt]),
  });
  const { relay, rows } = await setUp([job]);
  await relay.enqueue([{ name: job.name, payload: { n: 7, more: true } }]);
  await expect.poll(() => left(rows)).toBe(0);
  expect(runs).toEqual([[7, 1]]);
});

it('retries what may succeed later, and gives up on what cannot', async () => {
  const attempts: Record<string, number> = {};
  const make = (name: string, fail: (attempt: number) => Error | undefined): JobDefinition =>
    defineJob({
      name,
      queue: 'default',
      retry: { attempts: 3, backoffMs: 1 },
      payload,
      run: async (_payload, { attempt }) => {
        attempts[name] = attempt;
        const error = fail(attempt);
        if (error !== undefined) throw error;
      },
    });
  const { relay, rows } = await setUp([
    make('test.flaky', (attempt) => (attempt < 3 ? new RetryableError('not yet') : undefined)),
    make('test.hopeless', () => new PermanentError('never')),
    make('test.broken', () => new Error('a bug')),
    make('test.picky', () => undefined),
  ]);
  await relay.enqueue([
    { name: 'test.flaky', payload: { n: 1 } },
    { name: 'test.hopeless', payload: { n: 1 } },
    { name: 'test.broken', payload: { n: 1 } },
    { name: 'test.picky', payload: { n: 'not a number' } },
  ]);
  await expect.poll(() => rows.countDocuments({ failedAt: { $exists: true } }), { timeout: 25_000 }).toBe(3);
  await expect.poll(() => left(rows)).toBe(3);
  expect(attempts).toEqual({ 'test.flaky': 3, 'test.hopeless': 1, 'test.broken': 3 });
});

it('loses no job when Redis forgets everything', async () => {
  const runs: number[] = [];
  const job = defineJob({
    name: 'test.kept',
    queue: 'default',
    retry: { attempts: 3, backoffMs: 1 },
    payload,
    run: async ({ n }) => void runs.push(n),
  });
  const { relay, redis, queues, rows, startWorker } = await setUp([job], false);
  await relay.enqueue([1, 2, 3].map((n) => ({ name: job.name, payload: { n } })));
  await expect.poll(() => queues.get('default').getWaitingCount()).toBe(3);
  // The queue is gone, as after a crash of a Redis that keeps nothing, and the connection with it.
  await queues.get('default').obliterate({ force: true });
  expect(await left(rows)).toBe(3);
  redis.disconnect(true);
  await expect
    .poll(
      () =>
        queues
          .get('default')
          .getWaitingCount()
          .catch(() => 0),
      { timeout: 25_000 },
    )
    .toBe(3);
  startWorker();
  await expect.poll(() => left(rows), { timeout: 25_000 }).toBe(0);
  expect(runs.toSorted()).toEqual([1, 2, 3]);
});

it('adds a keyed job once while it waits, and again once it has begun', async () => {
  const runs: number[] = [];
  let release: () => void = () => undefined;
  const job = defineJob({
    name: 'test.keyed',
    queue: 'default',
    retry: { attempts: 1, backoffMs: 1 },
    payload,
    run: async ({ n }) => {
      runs.push(n);
      if (runs.length === 1) await new Promise<void>((resolve) => (release = resolve));
    },
  });
  const { relay, rows, startWorker } = await setUp([job], false);
  await Promise.all([1, 1, 1].map((n) => relay.enqueue([{ name: job.name, payload: { n }, key: 'k' }])));
  expect(await left(rows)).toBe(1);
  startWorker();
  await expect.poll(() => runs.length).toBe(1);
  await relay.enqueue([{ name: job.name, payload: { n: 2 }, key: 'k' }]);
  await relay.enqueue([{ name: job.name, payload: { n: 3 }, key: 'k' }]);
  release();
  await expect.poll(() => left(rows)).toBe(0);
  expect(runs).toEqual([1, 2]);
});

it('stores a job together with what caused it, or not at all', async () => {
  const { transact, outbox, rows } = await setUp([], false);
  const add = (fail: boolean): Promise<void> =>
    transact(async (session) => {
      await outbox.add(
        [
          { name: 'test.none', payload: {}, key: 'a' },
          { name: 'test.none', payload: {} },
        ],
        session,
      );
      if (fail) throw new Error('rolled back');
    });
  await expect(add(true)).rejects.toThrow('rolled back');
  expect(await left(rows)).toBe(0);
  await add(false);
  expect(await left(rows)).toBe(2);
});

it('waits until a delayed job is due', async () => {
  const runs: number[] = [];
  const job = defineJob({
    name: 'test.later',
    queue: 'default',
    retry: { attempts: 1, backoffMs: 1 },
    payload,
    run: async ({ n }) => void runs.push(n),
  });
  const { relay, rows, pass } = await setUp([job]);
  await relay.enqueue([{ name: job.name, payload: { n: 1 }, delayMs: 60_000 }]);
  await relay.drain();
  expect([await left(rows), runs]).toEqual([1, []]);
  pass(60_001);
  await relay.drain();
  await expect.poll(() => left(rows)).toBe(0);
});

it('runs scheduled jobs again and again', async () => {
  let runs = 0;
  const job = defineJob({
    name: 'test.tick',
    queue: 'maintenance',
    retry: { attempts: 1, backoffMs: 1 },
    payload: z.object({}),
    run: async () => void (runs += 1),
  });
  const { stack, queues, redis } = await setUp([job]);
  stack.use(keepSchedules([{ job, everyMs: 50, payload: {} }], { queues, redis, logger }));
  await expect.poll(() => runs, { timeout: 25_000 }).toBeGreaterThan(2);
});

describe('stopping', () => {
  /** Nothing listens on port 1. */
  const NOWHERE = 'redis://127.0.0.1:1';
  const endless = (begun: () => void): JobDefinition =>
    defineJob({
      name: 'test.endless',
      queue: 'default',
      retry: { attempts: 1, backoffMs: 1 },
      payload,
      run: async (_payload, { signal }) => {
        begun();
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      },
    });
  const ledger = { begin: async () => true, done: async () => undefined, failed: async () => undefined };

  it('does not wait for a Redis that never was there', async () => {
    const job = endless(() => undefined);
    const connection = connectRedis(NOWHERE, 'wait', logger);
    const shared = connectRedis(NOWHERE, 'fail-fast', logger);
    const jobs = new Map([[job.name, job]]);
    const worker = new JobWorker({ connection, prefix: 'n', jobs, ledger, logger, concurrency: CONCURRENCY });
    const queues = new Queues(shared, 'n');
    // Without running jobs there is nothing to be patient for, however long the patience.
    await worker.close(600_000);
    await queues[Symbol.asyncDispose]();
    disconnectRedis(connection);
    disconnectRedis(shared);
  });

  it('tells a job that does not end to stop, and waits no longer for it', async () => {
    let running = 0;
    const job = endless(() => void (running += 1));
    const { stack, relay, redis, redisPrefix } = await setUp([job], false);
    const connection = stack.adopt(redis.duplicate({ maxRetriesPerRequest: null }), disconnectRedis);
    const jobs = new Map([[job.name, job]]);
    const worker = new JobWorker({
      connection,
      prefix: redisPrefix,
      jobs,
      ledger,
      logger,
      concurrency: CONCURRENCY,
    });
    await relay.enqueue([{ name: job.name, payload: { n: 1 } }]);
    await expect.poll(() => running).toBe(1);
    await worker.close(100);
  });
});

it('leaves a job of its own when the one that waited begins before the transaction is committed', async () => {
  const { transact, outbox, rows } = await setUp([], false);
  const request = { name: 'test.begun', payload: { n: 1 }, key: 'same' };
  await outbox.add([request]);
  const [waiting] = await outbox.due(10);
  await transact(async (session) => {
    // The transaction sees the world as it was before the job begins.
    await rows.countDocuments({}, { session });
    await outbox.begin(waiting?._id.toHexString() ?? '');
    await outbox.add([request], session);
  });
  const keys = (await rows.find().sort({ _id: 1 }).toArray()).map(({ key }) => key as string | undefined);
  expect(keys).toEqual([undefined, 'test.begun:same']);
});
