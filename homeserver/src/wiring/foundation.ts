import type { Config } from '@nyx/config/schema.ts';
import { randomToken } from '../domain/ids.ts';
import type { JobDefinition } from '../jobs/define-job.ts';
import { OutboxRelay } from '../jobs/outbox-relay.ts';
import { Queues } from '../jobs/queues.ts';
import type { Metrics } from '../observability/metrics.ts';
import { createMetrics } from '../observability/metrics.ts';
import type { Bus } from '../ports/bus.ts';
import type { Notifier } from '../ports/notifier.ts';
import type { Platform } from '../ports/platform.ts';
import type { PluginHost } from '../plugins/plugin-host.ts';
import type { RateLimiter } from '../ports/rate-limiter.ts';
import type { StreamPositions } from '../ports/stream-positions.ts';
import { connectRedis, disconnectRedis } from '../redis/connection.ts';
import { RedisBus } from '../redis/redis-bus.ts';
import { createRateLimiter } from '../redis/redis-rate-limiter.ts';
import { StreamNotifier } from '../redis/stream-notifier.ts';
import type { Roles } from '../roles.ts';
import { rolesOf } from '../roles.ts';
import type { MongoConnection, MongoDatabase } from '../storage/mongo/connection.ts';
import { connectMongo, databaseOf } from '../storage/mongo/connection.ts';
import { migrate } from '../storage/mongo/migrations.ts';
import { MIGRATIONS } from '../storage/mongo/migrations/registry.ts';
import { Outbox } from '../storage/mongo/outbox.ts';
import { STREAM_FENCES } from '../storage/mongo/stream-fences.ts';
import { StreamLeases } from '../storage/mongo/stream-leases.ts';
import { MongoStreamPositions } from '../storage/mongo/stream-positions.ts';
import type { Transact } from '../storage/mongo/transaction.ts';
import { createTransact } from '../storage/mongo/transaction.ts';
import { openPlugins } from './open-plugins.ts';
import type { Redis } from 'ioredis';

/** What every area is built on. */
export type Foundation = {
  readonly config: Config;
  readonly roles: Roles;
  readonly platform: Platform;
  readonly metrics: Metrics;
  /** Unique name of this process among those of this server, over all time. */
  readonly processId: string;
  readonly connection: MongoConnection;
  readonly db: MongoDatabase;
  readonly transact: Transact;
  /** Commands that fail at once while Redis is away. */
  readonly redis: Redis;
  readonly bus: Bus;
  readonly stream: StreamPositions;
  readonly notifier: Notifier;
  readonly rateLimiter: RateLimiter;
  readonly outbox: Outbox;
  /** Asked before things are done; `wirePlugins` does the rest. */
  readonly plugins: PluginHost;
  readonly queues: Queues;
  /** For the domain, as `JobQueue`; areas register their jobs in `jobs` before it starts. */
  readonly relay: OutboxRelay;
  readonly jobs: Map<string, JobDefinition>;
  /** Connections are closed in reverse order of their opening. */
  readonly resources: AsyncDisposableStack;
};

/** Thrown when `createServer` is called with a configuration that names no database or no Redis. */
export class MissingServiceError extends Error {
  override readonly name = 'MissingServiceError';
  readonly code = 'missing_service';
}

const STREAM_NAME = 'main';
/** Time after which a silent process is taken for dead by those on other machines. */
const LEASE_TTL_MS = 15_000;
const PROCESS_ID_LENGTH = 16;
const MIGRATION_POOL_SIZE = 2;

const required = <T>(value: T | undefined, setting: string): T => {
  if (value === undefined)
    throw new MissingServiceError(`${setting} is not set, and no embedded service was started`);
  return value;
};

const runMigrations = async (
  config: Config,
  platform: Platform,
  uri: string,
  owner: string,
): Promise<void> => {
  // A connection of its own: building an index may take longer than any request is allowed to.
  const connection = await connectMongo({
    uri,
    name: config.database.name,
    maxPoolSize: MIGRATION_POOL_SIZE,
    socketTimeoutMs: 0,
  });
  try {
    await migrate(MIGRATIONS, {
      db: databaseOf(connection),
      clock: platform.clock,
      logger: platform.logger,
      owner,
      delay: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)),
    });
  } finally {
    await connection.close();
  }
};

const openRedis = (config: Config, platform: Platform, resources: AsyncDisposableStack) => {
  const uri = required(config.redis.uri, 'redis.uri').reveal();
  const { logger } = platform;
  const redis = resources.adopt(connectRedis(uri, 'fail-fast', logger), disconnectRedis);
  const subscriber = resources.adopt(connectRedis(uri, 'wait', logger), disconnectRedis);
  return { redis, subscriber };
};

/** Opens the database and Redis, migrates, and builds what the areas stand on. Redis is not waited for. */
export const buildFoundation = async (config: Config, platform: Platform): Promise<Foundation> => {
  await using stack = new AsyncDisposableStack();
  const { logger, clock } = platform;
  const prefix = config.redis.keyPrefix;
  const processId = randomToken(platform.random, PROCESS_ID_LENGTH);
  const uri = required(config.database.uri, 'database.uri').reveal();
  await runMigrations(config, platform, uri, processId);
  const connection = stack.adopt(
    await connectMongo({ uri, name: config.database.name, maxPoolSize: config.database.maxPoolSize }),
    (open) => open.close(),
  );
  const db = databaseOf(connection);
  const transact = createTransact(connection);
  const metrics = createMetrics();
  const { redis, subscriber } = openRedis(config, platform, stack);
  const bus = stack.use(
    new RedisBus({ publisher: redis, subscriber, processId, channel: `${prefix}:bus`, clock, logger }),
  );
  const stream = stack.use(
    new MongoStreamPositions({
      leases: new StreamLeases(db, STREAM_NAME, STREAM_FENCES, LEASE_TTL_MS, clock),
      bus,
      logger,
      identity: { owner: processId, host: platform.processSpace, process: platform.processName },
      isAlive: platform.isProcessAlive,
      newId: () => randomToken(platform.random, PROCESS_ID_LENGTH),
    }),
  );
  await stream.start();
  const notifier = stack.use(new StreamNotifier(bus, stream));
  const outbox = new Outbox(db, clock);
  const queues = stack.use(new Queues(redis, prefix));
  const jobs = new Map<string, JobDefinition>();
  const relay = stack.use(new OutboxRelay({ outbox, queues, redis, jobs, logger }));
  return {
    config,
    roles: rolesOf(config.server.roles),
    platform,
    metrics,
    processId,
    connection,
    db,
    transact,
    plugins: openPlugins({ config, platform, metrics, db, transact, resources: stack }),
    redis,
    bus,
    stream,
    notifier,
    rateLimiter: createRateLimiter(redis, prefix, config.rateLimits),
    outbox,
    queues,
    relay,
    jobs,
    resources: stack.move(),
  };
};
