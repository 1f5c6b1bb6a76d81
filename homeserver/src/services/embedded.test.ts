import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, readdir, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Redis } from 'ioredis';
import mongoose from 'mongoose';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { startEmbeddedMongo } from './embedded-mongo.ts';
import { startEmbeddedRedis } from './embedded-redis.ts';
import { startServices } from './start-services.ts';
import { configSchema } from '@nyx/config/schema.ts';
import { machineWith } from './testing/machine.ts';

// Whole processes are started here, on machines that may be busy with other tests.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 60_000 });

const { MongoClient } = mongoose.mongo;
const quick = { serverSelectionTimeoutMS: 30_000 };

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nyx-embedded-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const mongoOptions = () => ({ folder: join(folder, 'mongodb'), cacheMegabytes: 256, binary: undefined });
const redisOptions = () => ({ folder: join(folder, 'redis'), binary: undefined });

const withMongo = async <T>(
  uri: string,
  use: (client: InstanceType<typeof MongoClient>) => Promise<T>,
): Promise<T> => {
  const client = new MongoClient(uri, quick);
  try {
    return await use(client);
  } finally {
    await client.close();
  }
};

const insert = (uri: string, id: number) =>
  withMongo(uri, (client) =>
    client
      .db('t')
      .collection<{ _id: number }>('a')
      .insertOne({ _id: id }, { writeConcern: { w: 1, journal: true } }),
  );
const count = (uri: string) => withMongo(uri, (client) => client.db('t').collection('a').countDocuments());

const withRedis = async <T>(uri: string, use: (client: Redis) => Promise<T>): Promise<T> => {
  const client = new Redis(uri, { maxRetriesPerRequest: 3 });
  client.on('error', () => undefined);
  try {
    return await use(client);
  } finally {
    client.disconnect();
  }
};

/** Command lines of living processes that name the test's folder. */
const processesHere = async (): Promise<string[]> => {
  const ids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(ids.map((id) => readFile(`/proc/${id}/cmdline`, 'utf8').catch(() => '')));
  return lines
    .map((line) => line.replaceAll('\0', ' '))
    .filter((line) => line.includes(folder) && !line.includes('owner.ts'));
};

it('keeps its data over a stop and a change of the port, behind a password, in private folders', async () => {
  const machine = machineWith({});
  const first = await startEmbeddedMongo(mongoOptions(), machine);
  await insert(first.uri, 1);
  await first.stop();
  const port = Number(new URL(first.uri).port);
  // Somebody else has the port meanwhile, and never says a word.
  const squatter = createServer().listen(port, '127.0.0.1');
  await once(squatter, 'listening');
  await using second = await startEmbeddedMongo(mongoOptions(), machine);
  squatter.close();
  expect(new URL(second.uri).port).not.toBe(String(port));
  expect(await count(second.uri)).toBe(1);
  const session = await withMongo(second.uri, (client) =>
    client.withSession((open) =>
      open.withTransaction(() =>
        client.db('t').collection<{ _id: number }>('a').insertOne({ _id: 2 }, { session: open }),
      ),
    ),
  );
  expect(session).toMatchObject({ insertedId: 2 });

  const anonymous = `mongodb://127.0.0.1:${new URL(second.uri).port}/?directConnection=true`;
  await expect(withMongo(anonymous, (client) => client.db('t').collection('a').findOne())).rejects.toThrow(
    /requires authentication/,
  );
  expect((await stat(join(folder, 'mongodb'))).mode & 0o777).toBe(0o700);
  expect((await stat(join(folder, 'mongodb/password'))).mode & 0o777).toBe(0o600);
  const commandLines = (await processesHere()).join('\n');
  expect(commandLines).toContain('--bind_ip 127.0.0.1');
  expect(commandLines).not.toContain(new URL(second.uri).password);
});

it('runs a Redis that keeps its queue, behind a password', async () => {
  const machine = machineWith({});
  const first = await startEmbeddedRedis(redisOptions(), machine);
  await withRedis(first.uri, (client) => client.set('job', '1'));
  await first.stop();
  await using second = await startEmbeddedRedis(redisOptions(), machine);
  expect(await withRedis(second.uri, (client) => client.get('job'))).toBe('1');
  const open = `redis://127.0.0.1:${new URL(second.uri).port}`;
  await expect(withRedis(open, (client) => client.get('job'))).rejects.toThrow(/NOAUTH/);
  expect(await withRedis(second.uri, (client) => client.config('GET', 'bind'))).toEqual([
    'bind',
    '127.0.0.1',
  ]);
});

it('leaves nothing behind when its owner is killed, and starts again with what was acknowledged', async () => {
  const owner = spawn(process.execPath, [join(import.meta.dirname, 'testing/owner.ts'), folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface(owner.stdout);
  const [line] = (await once(lines, 'line')) as [string];
  const { mongo, redis } = JSON.parse(line) as { mongo: string; redis: string };
  await insert(mongo, 1);
  expect(await withRedis(redis, (client) => client.ping())).toBe('PONG');
  expect((await processesHere()).length).toBeGreaterThan(0);
  owner.kill('SIGKILL');
  await once(owner, 'exit');
  await vi.waitUntil(async () => (await processesHere()).length === 0, { timeout: 60_000, interval: 50 });

  await using again = await startEmbeddedMongo(mongoOptions(), machineWith({}));
  expect(await count(again.uri)).toBe(1);
});

it('starts a service again that died, at the same address', async () => {
  const machine = machineWith({});
  await using redis = await startEmbeddedRedis(redisOptions(), machine);
  const pid = await withRedis(redis.uri, async (client) =>
    Number(/process_id:(\d+)/.exec(await client.info('server'))?.[1]),
  );
  process.kill(pid, 'SIGKILL');
  await vi.waitUntil(
    () =>
      withRedis(redis.uri, (client) => client.info('server')).then(
        (info) => !info.includes(`process_id:${pid}`),
        () => false,
      ),
    { timeout: 60_000, interval: 100 },
  );
  expect(machine.reports.join()).toContain('redis-server ended');
});

it('gives one data folder to one server at a time, and takes over a lock whose owner is gone', async () => {
  const config = configSchema.parse({
    server: { dataDir: folder },
    database: { uri: 'mongodb://127.0.0.1:1' },
  });
  const holder = spawn('sleep', ['60']);
  const pid = holder.pid ?? 0;
  const text = await readFile(`/proc/${pid}/stat`, 'utf8');
  const started = text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  const { writeFile } = await import('node:fs/promises');
  await writeFile(join(folder, 'nyx.lock'), `${pid}\n${started}\n`);
  await expect(startServices(config, machineWith({}))).rejects.toThrow(`is used by process ${pid}`);
  holder.kill('SIGKILL');
  await once(holder, 'exit');
  await using services = await startServices(config, machineWith({}));
  expect(services.summary[0]).toBe('MongoDB: database.uri');
  expect(await withRedis(services.redisUri.reveal(), (client) => client.ping())).toBe('PONG');
});

it('starts nothing that is configured, and stops nothing that it did not start', async () => {
  await using redis = await startEmbeddedRedis(redisOptions(), machineWith({}));
  const config = configSchema.parse({
    server: { dataDir: join(folder, 'd') },
    database: { uri: 'mongodb://127.0.0.1:1' },
    redis: { uri: redis.uri },
  });
  const services = await startServices(config, machineWith({}));
  expect(services.redisUri.reveal()).toBe(redis.uri);
  await services[Symbol.asyncDispose]();
  expect(await withRedis(redis.uri, (client) => client.ping())).toBe('PONG');
});

it('explains itself where it cannot run services, and when a service does not come up', async () => {
  const windows = machineWith({ platform: 'win32' });
  const config = configSchema.parse({ server: { dataDir: folder } });
  await expect(startServices(config, windows)).rejects.toThrow(/on Windows.*MONGODB_URI and REDIS_URL/);
  const nothing = machineWith({
    env: { PATH: '/nonexistent', NYX_CACHE_DIR: join(folder, 'cache') },
    uid: 1,
    mongodbSite: 'http://127.0.0.1:1',
  });
  const failure = await startServices(config, nothing).catch((error: unknown) => error as Error);
  const { message } = failure as Error;
  expect(message).toContain('No MongoDB could be found or fetched:');
  expect(message).toContain('No Redis could be found or fetched:');
  expect(message).toMatch(/MONGODB_URI[^]*REDIS_URL/);
  const broken = startEmbeddedMongo(
    { ...mongoOptions(), folder: join(folder, 'b'), cacheMegabytes: 256 * 1_024 * 1_024 },
    machineWith({}),
  );
  await expect(broken).rejects.toThrow(/mongod ended: .*cacheSizeGB|wiredTiger/i);
});
