/**
 * The project's main job, end to end: two people on two federated servers, each in a browser of their own, talk in an
 * encrypted room; then everything the servers hold is searched for what they said (e2ee.md section 3).
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import mongoose from 'mongoose';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Browser } from 'playwright-core';
import type { Demo } from '@nyx/homeserver/demo/start-demo.ts';
import { startDemo } from '@nyx/homeserver/demo/start-demo.ts';
import {
  acceptInvite,
  act,
  composer,
  createRoom,
  invite,
  message,
  newPerson,
  say,
  sees,
  unlock,
} from './app-driver.ts';
import { chromiumPath, launch } from './browser.ts';

/** Said in the encrypted room: none of it may be found on a server. Nothing else contains these words. */
const secrets = {
  beforeBob: 'zephyrquill before anyone joined',
  hello: 'marblefinch can you read this',
  answer: 'cindervale loud and clear',
  reply: 'thornwillow is my reply',
  typo: 'glasshoppr has a typo',
  edited: 'glasshopper without the typo',
  removed: 'ashenlark will be removed',
  afterReload: 'mossgarnet after the reload',
};
const roomName = 'Spine observatory';
const patient = 300_000;

let demo: Demo;
let browser: Browser;

const everything = async function* (folder: string): AsyncGenerator<string> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) yield (await readFile(join(entry.parentPath, entry.name))).toString('latin1');
  }
};

/** Text of a decoded document, with binary values read as bytes. */
const textOf = (value: unknown): string =>
  JSON.stringify(value, (_key, inner: unknown) => {
    if (inner instanceof mongoose.mongo.Binary) return Buffer.from(inner.buffer).toString('latin1');
    return typeof inner === 'bigint' ? String(inner) : inner;
  });

const mongoTexts = async function* (): AsyncGenerator<string> {
  const client = new mongoose.mongo.MongoClient(demo.mongoUri);
  try {
    for (const { databaseName } of demo.servers) {
      const db = client.db(databaseName);
      for (const { name } of await db.listCollections({}, { nameOnly: true }).toArray()) {
        if (name.startsWith('system.')) continue;
        for await (const document of db.collection(name).find()) yield textOf(document);
      }
    }
    // Whatever was ever written, deleted since or not.
    for await (const entry of client.db('local').collection('oplog.rs').find()) yield textOf(entry);
  } finally {
    await client.close();
  }
};

const redisTexts = async function* (): AsyncGenerator<string> {
  const redis = new Redis(demo.redisUri);
  try {
    for await (const keys of redis.scanStream({ count: 500 })) {
      for (const key of keys as string[]) {
        const dump = await redis.dumpBuffer(key);
        const type = await redis.type(key);
        // DUMP compresses long values: the readable forms are read as well.
        if (type === 'string') yield (await redis.get(key)) ?? '';
        else if (type === 'hash') yield JSON.stringify(await redis.hgetall(key));
        else if (type === 'list') yield (await redis.lrange(key, 0, -1)).join('\n');
        else if (type === 'set') yield (await redis.smembers(key)).join('\n');
        else if (type === 'zset') yield (await redis.zrange(key, 0, '-1')).join('\n');
        else if (type === 'stream') yield JSON.stringify(await redis.xrange(key, '-', '+'));
        yield `${key} ${dump.toString('latin1')}`;
      }
    }
  } finally {
    redis.disconnect();
  }
};

const found = async (texts: AsyncGenerator<string>, words: readonly string[]): Promise<Set<string>> => {
  const hits = new Set<string>();
  for await (const text of texts) for (const word of words) if (text.includes(word)) hits.add(word);
  return hits;
};

beforeAll(async () => {
  if (chromiumPath === undefined) return;
  demo = await startDemo({ report: () => undefined, env: { NYX_RATE_LIMITS: 'off' } });
  browser = await launch();
}, patient);

afterAll(async () => {
  if (chromiumPath === undefined) return;
  await browser.close();
  await demo[Symbol.asyncDispose]();
}, patient);

it.skipIf(chromiumPath === undefined)(
  'two people on two servers talk, and the servers hold nothing of what they said',
  async () => {
    const [first, second] = demo.servers;
    const alice = await newPerson(browser, first, 'alice');
    const bob = await newPerson(browser, second, 'bob');

    await createRoom(alice.page, roomName);
    await say(alice.page, secrets.beforeBob);
    await message(alice.page, secrets.beforeBob)
      .getByRole('img', { name: 'Sent' })
      .waitFor({ timeout: 60_000 });
    await invite(alice.page, bob.userId);
    await acceptInvite(bob.page, roomName);

    // The most ordinary moment: she greets him as soon as she sees that he has joined.
    await alice.page.getByText('bob joined').first().waitFor({ timeout: 60_000 });
    await say(alice.page, secrets.hello);
    await sees(bob.page, secrets.hello);
    await say(bob.page, secrets.answer);
    await sees(alice.page, secrets.answer);
    // A joiner gets the next generation of the key: what was said before stays closed to him.
    expect(await message(bob.page, secrets.beforeBob).count()).toBe(0);

    await act(alice.page, secrets.answer, 'Reply');
    await say(alice.page, secrets.reply);
    await sees(bob.page, secrets.reply);
    expect(await message(bob.page, secrets.reply).locator('.quote').innerText()).toContain(secrets.answer);

    await say(alice.page, secrets.typo);
    await sees(bob.page, secrets.typo);
    await composer(alice.page).press('ArrowUp');
    await expect.poll(() => composer(alice.page).inputValue()).toBe(secrets.typo);
    await say(alice.page, secrets.edited);
    await sees(bob.page, secrets.edited);
    await expect.poll(() => message(bob.page, secrets.typo).count(), { timeout: 60_000 }).toBe(0);

    await say(bob.page, secrets.removed);
    await sees(alice.page, secrets.removed);
    await act(bob.page, secrets.removed, 'Remove');
    await bob.page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
    await message(alice.page, 'Message removed').first().waitFor({ timeout: 60_000 });
    await expect.poll(() => message(alice.page, secrets.removed).count(), { timeout: 60_000 }).toBe(0);

    await bob.page.reload();
    await unlock(bob.page);
    await bob.page
      .getByRole('link', { name: new RegExp(roomName) })
      .first()
      .click({ timeout: 60_000 });
    await sees(bob.page, secrets.edited);
    await say(bob.page, secrets.afterReload);
    await sees(alice.page, secrets.afterReload);

    const words = Object.values(secrets);
    // The room's name is clear by design: finding it proves that the search looks where the content would be.
    expect(await found(mongoTexts(), [...words, roomName])).toEqual(new Set([roomName]));
    expect(await found(redisTexts(), words)).toEqual(new Set());
    for (const server of demo.servers) {
      expect(await found(everything(join(server.dataDir, '..')), words)).toEqual(new Set());
    }
  },
  patient,
);
