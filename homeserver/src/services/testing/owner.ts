import { startEmbeddedMongo } from '../embedded-mongo.ts';
import { startEmbeddedRedis } from '../embedded-redis.ts';
import { thisMachine } from '../start-services.ts';

/** A process for tests to kill: runs both services below its first argument and prints their addresses. */
const folder = process.argv[2] ?? '';
const machine = thisMachine(() => undefined);
const mongo = await startEmbeddedMongo(
  { folder: `${folder}/mongodb`, cacheMegabytes: 256, binary: undefined },
  machine,
);
const redis = await startEmbeddedRedis({ folder: `${folder}/redis`, binary: undefined }, machine);
process.stdout.write(`${JSON.stringify({ mongo: mongo.uri, redis: redis.uri })}\n`);
setInterval(() => undefined, 60_000);
