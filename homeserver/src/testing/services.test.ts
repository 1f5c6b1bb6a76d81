import { Redis } from 'ioredis';
import mongoose from 'mongoose';
import { expect, it } from 'vitest';
import { testServices } from './services.ts';

it('gives each caller a database and a prefix of its own, and takes them away after', async () => {
  const kept = testServices();
  const client = new mongoose.mongo.MongoClient(kept.mongoUri);
  const redis = new Redis(kept.redisUri);
  let gone: string;
  const listed = async () => (await client.db().admin().listDatabases()).databases.map(({ name }) => name);
  {
    await using services = testServices();
    gone = services.databaseName;
    expect(gone).not.toBe(kept.databaseName);
    const session = client.startSession();
    await session.withTransaction(() =>
      client.db(services.databaseName).collection('a').insertOne({ x: 1 }, { session }),
    );
    await session.endSession();
    await redis.set(`${services.redisPrefix}:x`, '1');
    expect(await listed()).toContain(services.databaseName);
  }
  expect(await listed()).not.toContain(gone);
  expect(await redis.keys(`${gone}*`)).toEqual([]);
  await client.close();
  redis.disconnect();
});
