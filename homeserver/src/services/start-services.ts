import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Config } from '@nyx/config/schema.ts';
import { Secret } from '@nyx/config/secret.ts';
import { lockDataFolder } from './data-lock.ts';
import { startEmbeddedMongo } from './embedded-mongo.ts';
import { startEmbeddedRedis } from './embedded-redis.ts';
import type { Machine } from './machine.ts';
import { makePrivateFolder } from './private-folder.ts';

/** Where the two services are, whoever runs them. Disposing of it stops what was started here, and only that. */
export interface Services extends AsyncDisposable {
  readonly databaseUri: Secret;
  readonly redisUri: Secret;
  /** One line about each, for the log: where it came from. */
  readonly summary: readonly string[];
}

const SITE_TIMEOUT_MS = 8_000;
const MONGODB_SITE = 'https://fastdl.mongodb.org';

/** This machine, as it is. */
export const thisMachine = (report: Machine['report']): Machine => {
  let osRelease = '';
  try {
    osRelease = readFileSync('/etc/os-release', 'utf8');
  } catch {
    // Not a Linux that says what it is.
  }
  return {
    env: process.env,
    platform: process.platform,
    arch: process.arch,
    uid: process.getuid?.(),
    report,
    osRelease,
    mongodbSite: MONGODB_SITE,
    siteTimeout: SITE_TIMEOUT_MS,
  };
};

/** Embedded services were asked for where they cannot be run. */
export class UnsupportedPlatformError extends Error {
  readonly code = 'PLATFORM_UNSUPPORTED';

  constructor(platform: string) {
    super(
      `Nyx cannot run MongoDB and Redis itself on ${platform}. Run both (for instance in containers, or all of it in WSL) and set MONGODB_URI and REDIS_URL.`,
    );
    this.name = 'UnsupportedPlatformError';
  }
}

/**
 * Starts the services whose address is not configured, in folders below `server.dataDir`, both at once.
 * @throws ServiceNotFoundError, MongoStartError, RedisStartError, DataFolderInUseError, UnsupportedPlatformError
 */
export const startServices = async (
  config: Pick<Config, 'server' | 'database' | 'redis'>,
  machine: Machine,
): Promise<Services> => {
  await using started = new AsyncDisposableStack();
  const folder = resolve(config.server.dataDir);
  const { uri: databaseUri } = config.database;
  const { uri: redisUri } = config.redis;
  if (databaseUri === undefined || redisUri === undefined) {
    if (machine.platform === 'win32') throw new UnsupportedPlatformError('Windows');
    await makePrivateFolder(folder);
    started.use(await lockDataFolder(folder));
  }
  const mongoOptions = {
    folder: join(folder, 'mongodb'),
    cacheMegabytes: config.database.cacheMegabytes,
    binary: config.database.binary,
  };
  const redisOptions = { folder: join(folder, 'redis'), binary: config.redis.binary };
  const [mongo, redis] = await Promise.allSettled([
    databaseUri === undefined ? startEmbeddedMongo(mongoOptions, machine) : undefined,
    redisUri === undefined ? startEmbeddedRedis(redisOptions, machine) : undefined,
  ]);
  if (mongo.status === 'fulfilled' && mongo.value !== undefined) started.use(mongo.value);
  if (redis.status === 'fulfilled' && redis.value !== undefined) started.use(redis.value);
  const failures = [mongo, redis].flatMap((result) =>
    result.status === 'rejected' ? [result.reason as unknown] : [],
  );
  if (failures.length > 1) {
    throw new AggregateError(failures, failures.map((failure) => (failure as Error).message).join('\n'));
  }
  if (mongo.status === 'rejected') throw mongo.reason;
  if (redis.status === 'rejected') throw redis.reason;
  const running = started.move();
  return {
    databaseUri: databaseUri ?? new Secret(mongo.value?.uri ?? ''),
    redisUri: redisUri ?? new Secret(redis.value?.uri ?? ''),
    summary: [
      mongo.value === undefined
        ? 'MongoDB: database.uri'
        : `MongoDB ${mongo.value.version}, run by this server (${mongo.value.source})`,
      redis.value === undefined
        ? 'Redis: redis.uri'
        : `Redis ${redis.value.version}, run by this server (${redis.value.source})`,
    ],
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
};
