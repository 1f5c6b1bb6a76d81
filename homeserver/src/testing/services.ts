import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import mongoose from 'mongoose';
import { inject } from 'vitest';

/** The part of the run's services that belongs to one test file: a database and a key prefix nobody else uses. */
export interface TestServices extends AsyncDisposable {
  readonly mongoUri: string;
  readonly databaseName: string;
  readonly redisUri: string;
  readonly redisPrefix: string;
}

/**
 * A database and a Redis key prefix of the caller's own. Disposing of it drops both; call it in `afterAll`, or with
 * `await using` in a single test.
 */
export const testServices = (): TestServices => {
  const { mongoUri, redisUri } = inject('nyxServices');
  const name = `nyxtest_${randomBytes(6).toString('hex')}`;
  return {
    mongoUri,
    redisUri,
    databaseName: name,
    redisPrefix: name,
    [Symbol.asyncDispose]: async () => {
      const client = new mongoose.mongo.MongoClient(mongoUri);
      await client.db(name).dropDatabase();
      await client.close();
      const redis = new Redis(redisUri);
      for await (const keys of redis.scanStream({ match: `${name}*`, count: 1_000 })) {
        const found = keys as string[];
        if (found.length > 0) await redis.unlink(...found);
      }
      redis.disconnect();
    },
  };
};
