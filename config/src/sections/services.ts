import { z } from 'zod';
import { mongoAddress, path, redisAddress, secretFile } from '../fields.ts';

export const databaseSchema = z
  .strictObject({
    uri: mongoAddress()
      .optional()
      .describe(
        'MongoDB 6.0 or newer, a replica set (one member is enough). Without it, Nyx finds or fetches a MongoDB and runs it itself.',
      )
      .meta({ env: 'MONGODB_URI', example: 'mongodb://user:password@127.0.0.1:27017/?replicaSet=rs0' }),
    uriFile: secretFile().optional().describe('File that holds `uri`.').meta({ env: 'MONGODB_URI_FILE' }),
    name: z
      .string()
      .regex(/^[A-Za-z0-9_-]{1,38}$/, 'expected 1 to 38 letters, digits, - or _')
      .default('nyx')
      .describe('Name of the database.')
      .meta({ env: 'NYX_DATABASE_NAME' }),
    maxPoolSize: z.number().int().min(1).max(1_000).default(50).describe('Most connections of one process.'),
    binary: path()
      .optional()
      .describe('A `mongod` to run when `uri` is not set, instead of the first one found.')
      .meta({ env: 'NYX_MONGOD' }),
    cacheMegabytes: z.number().int().min(64).default(256).describe('Cache of the embedded MongoDB, in MiB.'),
  })
  .prefault({})
  .describe('MongoDB: everything that must not be lost.');

export const redisSchema = z
  .strictObject({
    uri: redisAddress()
      .optional()
      .describe('Redis 6.2 or newer, or Valkey. Without it, Nyx finds or fetches one and runs it itself.')
      .meta({ env: 'REDIS_URL', example: 'redis://:password@127.0.0.1:6379/0' }),
    uriFile: secretFile().optional().describe('File that holds `uri`.').meta({ env: 'REDIS_URL_FILE' }),
    keyPrefix: z
      .string()
      .regex(/^[A-Za-z0-9_:.-]{1,64}$/, 'expected 1 to 64 letters, digits or _:.-')
      .default('nyx')
      .describe('Start of every key, so that several servers can share one Redis.')
      .meta({ env: 'NYX_REDIS_PREFIX' }),
    binary: path()
      .optional()
      .describe('A `redis-server` to run when `uri` is not set, instead of the first one found.')
      .meta({ env: 'NYX_REDIS_SERVER' }),
  })
  .prefault({})
  .describe(
    'Redis: wake-ups, locks, rate limits, presence and job queues. Losing it loses nothing that was acknowledged.',
  );
