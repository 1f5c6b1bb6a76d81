import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import mongoose from 'mongoose';

/** Something that must not be found, with a name for whoever reads the failure. */
export type Canary = { readonly name: string; readonly bytes: Uint8Array };

/** Bits of a character of Base64. */
const SEXTET = 6;

/** The middle of the Base64 of anything that holds the bytes `shift` bytes after a boundary of three. */
const base64Inside = (bytes: Uint8Array, shift: number): string => {
  const whole = Buffer.concat([Buffer.alloc(shift), bytes])
    .toString('base64')
    .replace(/=+$/, '');
  const from = Math.ceil((shift * 8) / SEXTET);
  const to = Math.floor(((shift + bytes.length) * 8) / SEXTET);
  return whole.slice(from, to);
};

/** Every form in which bytes may lie in text: as they are, in hex, in Base64 of both alphabets at any alignment. */
const formsOf = (bytes: Uint8Array): Buffer[] => {
  const hex = Buffer.from(bytes).toString('hex');
  const base64 = [0, 1, 2].map((shift) => base64Inside(bytes, shift));
  const url = base64.map((text) => text.replaceAll('+', '-').replaceAll('/', '_'));
  const texts = new Set([hex, hex.toUpperCase(), ...base64, ...url]);
  return [Buffer.from(bytes), ...[...texts].map((text) => Buffer.from(text))];
};

/** Names of the canaries that the haystack holds in any form. Padding does not matter: forms end before it. */
export const findCanaries = (haystack: Buffer, canaries: readonly Canary[]): string[] =>
  canaries.flatMap(({ name, bytes }) =>
    formsOf(bytes).some((form) => haystack.includes(form)) ? [name] : [],
  );

/** Everything in a database: documents as they are stored, and as JSON. */
export const dumpMongo = async (db: mongoose.mongo.Db): Promise<Buffer> => {
  const parts: Buffer[] = [];
  for (const { name } of await db.listCollections({}, { nameOnly: true }).toArray()) {
    for await (const row of db.collection(name).find({})) {
      parts.push(Buffer.from(mongoose.mongo.BSON.serialize(row)), Buffer.from(JSON.stringify(row)));
    }
  }
  return Buffer.concat(parts);
};

const readKey = async (redis: Redis, key: string): Promise<readonly Buffer[]> => {
  switch (await redis.type(key)) {
    case 'string':
      return [(await redis.getBuffer(key)) ?? Buffer.alloc(0)];
    case 'hash':
      return Object.entries(await redis.hgetallBuffer(key)).flatMap(([field, value]) => [
        Buffer.from(field),
        value,
      ]);
    case 'list':
      return redis.lrangeBuffer(key, 0, -1);
    case 'set':
      return redis.smembersBuffer(key);
    case 'zset':
      return redis.zrangeBuffer(key, 0, '-1');
    case 'stream':
      return [Buffer.from(JSON.stringify(await redis.xrange(key, '-', '+')))];
    default:
      return [];
  }
};

/** Every key under a prefix, with what it holds. */
export const dumpRedis = async (redis: Redis, prefix: string): Promise<Buffer> => {
  const parts: Buffer[] = [];
  for await (const keys of redis.scanStream({ match: `${prefix}*`, count: 1_000 })) {
    for (const key of keys as string[]) parts.push(Buffer.from(key), ...(await readKey(redis, key)));
  }
  return Buffer.concat(parts);
};

/** Every file below a folder. */
export const dumpFolder = (folder: string): Buffer =>
  Buffer.concat(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(join(entry.parentPath, entry.name))),
  );
