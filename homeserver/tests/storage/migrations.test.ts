import type { mongo } from 'mongoose';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createLogger } from '../../src/observability/logger.ts';
import { connectMongo, databaseOf } from '../../src/storage/mongo/connection.ts';
import type { Migration, MigrationDeps } from '../../src/storage/mongo/migrations.ts';
import { migrate, pendingMigrations } from '../../src/storage/mongo/migrations.ts';
import { MIGRATIONS } from '../../src/storage/mongo/migrations/registry.ts';
import { testServices } from '../../src/testing/services.ts';

const stack = new AsyncDisposableStack();
let db: mongo.Db;
let ran: string[] = [];

beforeAll(async () => {
  const services = stack.use(testServices());
  const connection = await connectMongo({
    uri: services.mongoUri,
    name: services.databaseName,
    maxPoolSize: 5,
  });
  db = databaseOf(stack.adopt(connection, (open) => open.close()));
});
afterAll(() => stack.disposeAsync());
beforeEach(async () => {
  ran = [];
  await db.dropDatabase();
});

const deps = (owner = 'one', onWait: () => void = () => undefined): MigrationDeps => ({
  db,
  clock: { now: () => Date.now() },
  logger: createLogger('silent', { write: () => undefined }),
  owner,
  delay: async () => {
    onWait();
    await new Promise(setImmediate);
  },
});

const step = (name: string, up: Migration['up'] = async () => undefined): Migration => ({
  name,
  up: async (...given) => {
    ran.push(name);
    await up(...given);
  },
});

it('runs what is new, in order, and each once', async () => {
  expect(await migrate([step('0001-a'), step('0002-b')], deps())).toEqual(['0001-a', '0002-b']);
  expect(await migrate([step('0001-a'), step('0002-b'), step('0003-c')], deps())).toEqual(['0003-c']);
  expect(ran).toEqual(['0001-a', '0002-b', '0003-c']);
});

it('resumes a step that was cut short where it had got to', async () => {
  const seen: unknown[] = [];
  const failing = step('0001-long', async (_db, progress) => {
    seen.push(await progress.load());
    await progress.save({ at: 500 });
    if (seen.length === 1) throw new Error('killed');
  });
  await expect(migrate([failing], deps())).rejects.toThrow('killed');
  expect(await pendingMigrations(db, [failing])).toEqual(['0001-long']);
  await migrate([failing], deps('two'));
  expect(seen).toEqual([undefined, { at: 500 }]);
});

it('is run by one process while the others wait', async () => {
  const waiting = new Set<string>();
  const slow = step('0001-slow', async () => {
    // Goes on only when the two others were turned away.
    await expect.poll(() => waiting.size).toBe(2);
  });
  const run = (owner: string) =>
    migrate(
      [slow],
      deps(owner, () => void waiting.add(owner)),
    );
  const results = await Promise.all(['a', 'b', 'c'].map(run));
  expect(results.flat()).toEqual(['0001-slow']);
  expect(ran).toEqual(['0001-slow']);
});

it('takes over from a process that died with the lock', async () => {
  await db.collection<{ _id: string; owner: string; until: Date }>('migrationLock').insertOne({
    _id: 'lock',
    owner: 'dead',
    until: new Date(Date.now() + 100),
  });
  expect(await migrate([step('0001-a')], deps())).toEqual(['0001-a']);
});

it('refuses a database that is newer, and steps that are out of order', async () => {
  await migrate([step('0001-a'), step('0002-b')], deps());
  await expect(migrate([step('0001-a')], deps())).rejects.toThrow('newer version');
  await expect(migrate([step('0002-b'), step('0001-a')], deps())).rejects.toThrow('out of order');
});

it('makes the whole database twice over without complaint', { timeout: 90_000 }, async () => {
  await migrate(MIGRATIONS, deps());
  await db.collection('migrations').updateMany({}, { $unset: { finishedAt: '' } });
  expect(await migrate(MIGRATIONS, deps())).toHaveLength(MIGRATIONS.length);
  for (const { name } of await db.listCollections({}, { nameOnly: true }).toArray()) {
    for (const index of await db.collection(name).indexes()) {
      // Every index was named by hand: none is `key_1`.
      if (index.name !== '_id_') expect(index.name, name).not.toMatch(/_-?1$/);
    }
  }
});
