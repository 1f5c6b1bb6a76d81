/** Everything the demo's servers hold, as text to search: what was said in a room must be nowhere in it. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import mongoose from 'mongoose';
import type { Demo } from '@nyx/homeserver/demo/start-demo.ts';

type Json = Record<string, unknown>;

/** Text of a decoded document, with binary values read as bytes. */
const textOf = (value: unknown): string =>
  JSON.stringify(value, (_key, inner: unknown) => {
    if (inner instanceof mongoose.mongo.Binary) return Buffer.from(inner.buffer).toString('latin1');
    return typeof inner === 'bigint' ? String(inner) : inner;
  });

/** Every document of both databases, and whatever was ever written, deleted since or not. */
const mongoTexts = async function* (demo: Demo): AsyncGenerator<string> {
  const client = new mongoose.mongo.MongoClient(demo.mongoUri);
  try {
    for (const { databaseName } of demo.servers) {
      const db = client.db(databaseName);
      for (const { name } of await db.listCollections({}, { nameOnly: true }).toArray()) {
        if (name.startsWith('system.')) continue;
        for await (const document of db.collection(name).find()) yield textOf(document);
      }
    }
    for await (const entry of client.db('local').collection('oplog.rs').find()) yield textOf(entry);
  } finally {
    await client.close();
  }
};

const redisTexts = async function* (demo: Demo): AsyncGenerator<string> {
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

/** Media, logs and whatever else the servers keep in their folders. */
const fileTexts = async function* (demo: Demo): AsyncGenerator<string> {
  for (const server of demo.servers) {
    const folder = join(server.dataDir, '..');
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) yield (await readFile(join(entry.parentPath, entry.name))).toString('latin1');
    }
  }
};

const hitsIn = async (texts: AsyncGenerator<string>, words: readonly string[]): Promise<string[]> => {
  // Text that was encoded on its way is as readable as text that was not.
  const forms = words.map((word) => {
    const bytes = Buffer.from(word);
    const utf8 = bytes.toString('latin1');
    // Four characters, of an emoji, are found in any ciphertext sooner or later: they would prove nothing.
    const base64 = bytes.length < 9 ? [] : [bytes.toString('base64').slice(0, -4)];
    return [word, [word, utf8, ...base64, bytes.toString('hex')]] as const;
  });
  const hits = new Set<string>();
  for await (const text of texts) {
    for (const [word, ways] of forms) if (ways.some((way) => text.includes(way))) hits.add(word);
  }
  return [...hits].sort();
};

/** Which of the words the databases, Redis and the files hold. */
export const searchServers = async (
  demo: Demo,
  words: readonly string[],
): Promise<{ mongo: string[]; redis: string[]; files: string[] }> => ({
  mongo: await hitsIn(mongoTexts(demo), words),
  redis: await hitsIn(redisTexts(demo), words),
  files: await hitsIn(fileTexts(demo), words),
});

/** The events of a room that both servers store, in the order they took them. */
export const eventsOf = async (demo: Demo, roomId: string): Promise<Json[]> => {
  const client = new mongoose.mongo.MongoClient(demo.mongoUri);
  try {
    const events: Json[] = [];
    for (const { databaseName } of demo.servers) {
      const rows = client.db(databaseName).collection('events').find({ r: roomId }).sort({ s: 1 });
      for await (const row of rows) events.push(JSON.parse(String(row.j)) as Json);
    }
    return events;
  } finally {
    await client.close();
  }
};
