import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { startEmbeddedMongo } from '../services/embedded-mongo.ts';
import { startEmbeddedRedis } from '../services/embedded-redis.ts';
import { makeTemporaryFolder } from '../services/private-folder.ts';
import { thisMachine } from '../services/start-services.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** One MongoDB and one Redis for the whole run; see testing/services.ts for what a test takes of them. */
    nyxServices: { readonly mongoUri: string; readonly redisUri: string };
  }
}

/**
 * Vitest's global setup: starts MongoDB and Redis in a temporary folder (in memory where the machine has such a
 * folder), or takes those of MONGODB_URI and REDIS_URL.
 */
export const setup = async (project: TestProject): Promise<() => Promise<void>> => {
  const folder = await makeTemporaryFolder('nyx-test-');
  const machine = thisMachine((line) => console.log(`[services] ${line}`));
  const { MONGODB_URI: givenMongo = '', REDIS_URL: givenRedis = '' } = process.env;
  await using started = new AsyncDisposableStack();
  started.defer(() => rm(folder, { recursive: true, force: true }));
  const mongoOptions = {
    folder: join(folder, 'mongodb'),
    cacheMegabytes: 256,
    binary: undefined,
    throwAway: true,
  };
  const redisOptions = { folder: join(folder, 'redis'), binary: undefined, throwAway: true };
  const mongo = givenMongo === '' ? started.use(await startEmbeddedMongo(mongoOptions, machine)) : undefined;
  const redis = givenRedis === '' ? started.use(await startEmbeddedRedis(redisOptions, machine)) : undefined;
  project.provide('nyxServices', { mongoUri: mongo?.uri ?? givenMongo, redisUri: redis?.uri ?? givenRedis });
  const running = started.move();
  return () => running.disposeAsync();
};
