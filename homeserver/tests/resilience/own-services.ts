import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import mongoose from 'mongoose';
import { findMongod } from '../../src/services/embedded-mongo.ts';
import { findRedis } from '../../src/services/embedded-redis.ts';
import { freePort } from '../../src/services/private-folder.ts';
import { thisMachine } from '../../src/services/start-services.ts';

/** A service that the test kills and starts again in the same place. */
type Killable = { readonly uri: string; kill(): Promise<void>; start(): Promise<void> };

const POLL_MS = 50;
const POLLS = 1_800;

const until = async (what: string, check: () => Promise<boolean>): Promise<void> => {
  for (let poll = 0; poll < POLLS; poll += 1) {
    if (await check().catch(() => false)) return;
    await delay(POLL_MS);
  }
  throw new Error(`${what} did not come up`);
};

const killable = (
  uri: string,
  spawnIt: () => ChildProcess,
  ready: () => Promise<boolean>,
): Killable & AsyncDisposable => {
  let child: ChildProcess | undefined;
  const kill = async (): Promise<void> => {
    if (child === undefined) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
    child = undefined;
  };
  return {
    uri,
    kill,
    start: async () => {
      child = spawnIt();
      await until(uri, ready);
    },
    [Symbol.asyncDispose]: kill,
  };
};

const startMongo = async (folder: string): Promise<Killable & AsyncDisposable> => {
  const { path } = await findMongod(
    thisMachine(() => undefined),
    undefined,
    '',
  );
  const port = await freePort();
  const host = `127.0.0.1:${port}`;
  const data = join(folder, 'mongo');
  mkdirSync(data);
  const args = [
    '--dbpath',
    data,
    '--port',
    String(port),
    '--bind_ip',
    '127.0.0.1',
    '--replSet',
    'rs',
    '--quiet',
  ];
  const ask = async (command: mongoose.mongo.Document) => {
    const client = new mongoose.mongo.MongoClient(`mongodb://${host}/?directConnection=true`, {
      serverSelectionTimeoutMS: 500,
    });
    try {
      return await client.db('admin').command(command);
    } finally {
      await client.close();
    }
  };
  let initiated = false;
  const mongo = killable(
    `mongodb://${host}/?replicaSet=rs`,
    () => spawn(path, [...args, '--wiredTigerCacheSizeGB', '0.25'], { stdio: 'ignore' }),
    async () => {
      if (!initiated) await ask({ replSetInitiate: { _id: 'rs', members: [{ _id: 0, host }] } });
      initiated = true;
      return (await ask({ hello: 1 })).isWritablePrimary === true;
    },
  );
  await mongo.start();
  return mongo;
};

const startRedis = async (): Promise<Killable & AsyncDisposable> => {
  const { path } = await findRedis(
    thisMachine(() => undefined),
    undefined,
  );
  const port = await freePort();
  const redis = killable(
    `redis://127.0.0.1:${port}`,
    // Nothing is kept: after a restart it is as empty as a Redis can be.
    () =>
      spawn(path, ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'], {
        stdio: 'ignore',
      }),
    async () => {
      const client = new Redis(port, '127.0.0.1', { lazyConnect: true, retryStrategy: () => null });
      client.on('error', () => undefined);
      try {
        await client.connect();
        await client.ping();
        return true;
      } finally {
        client.disconnect();
      }
    },
  );
  await redis.start();
  return redis;
};

/** A server in a process of its own. */
export type ServerProcess = AsyncDisposable & {
  readonly url: string;
  readonly pid: number;
  /** Everything it has written to its log. */
  log(): string;
  /** Sends a signal and waits for the end; returns the exit code. */
  signal(name: NodeJS.Signals): Promise<number | null>;
  /** Resident memory in MiB. */
  memory(): number;
};

const NYX = join(import.meta.dirname, '../../bin/nyx.js');

const startServer = async (env: Record<string, string>): Promise<ServerProcess> => {
  const child = spawn(process.execPath, [NYX, 'start'], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  for (const output of [child.stdout, child.stderr])
    output.on('data', (chunk: Buffer) => {
      log += chunk.toString();
    });
  const ended = once(child, 'exit') as Promise<[number | null]>;
  const listening = (): string | undefined => /nyx: listening on (http:\S+)/.exec(log)?.[1];
  await until('the server', () => {
    if (child.exitCode !== null) throw new Error(`the server ended: ${log}`);
    return Promise.resolve(listening() !== undefined);
  }).catch((error: unknown) => {
    child.kill('SIGKILL');
    throw new Error(`${String(error)}\n${log}`);
  });
  const signal = async (name: NodeJS.Signals): Promise<number | null> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(name);
    return (await ended)[0];
  };
  const pid = child.pid ?? 0;
  return {
    url: listening() ?? '',
    pid,
    log: () => log,
    signal,
    memory: () =>
      Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1_024,
    [Symbol.asyncDispose]: async () => {
      await signal('SIGKILL');
    },
  };
};

/** A MongoDB and a Redis of the test's own, and servers on them. */
export type Installation = AsyncDisposable & {
  readonly mongo: Killable;
  readonly redis: Killable;
  startServer(env?: Record<string, string>): Promise<ServerProcess>;
};

export const install = async (): Promise<Installation> => {
  const stack = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), 'nyx-outage-'));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const mongo = stack.use(await startMongo(folder));
  const redis = stack.use(await startRedis());
  return {
    mongo,
    redis,
    startServer: async (env = {}) =>
      stack.use(
        await startServer({
          MONGODB_URI: mongo.uri,
          REDIS_URL: redis.uri,
          NYX_PORT: '0',
          NYX_BIND: '127.0.0.1',
          NYX_DATA_DIR: join(folder, 'data'),
          NYX_REGISTRATION_OPEN: 'true',
          NYX_RATE_LIMITS: 'off',
          ...env,
        }),
      ),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
};
