import { Redis } from 'ioredis';
import mongoose from 'mongoose';
import { refuseMongod } from './embedded-mongo.ts';
import { refuseRedis } from './embedded-redis.ts';

const PROBE_LIMIT_MS = 5_000;

/** A configured service that does not answer, or is not what Nyx needs. The message never holds the address. */
export class ProbeError extends Error {
  readonly code = 'SERVICE_UNSUITABLE';
}

/** Connects to a MongoDB and tells its version and shape. @throws ProbeError when it will not do */
export const probeMongo = async (uri: string): Promise<string> => {
  const client = new mongoose.mongo.MongoClient(uri, { serverSelectionTimeoutMS: PROBE_LIMIT_MS });
  try {
    const admin = client.db('admin');
    const hello = await admin.command({ hello: 1 });
    const { version } = (await admin.command({ buildInfo: 1 })) as { version: string };
    const refusal = refuseMongod(version, '');
    if (refusal !== undefined) throw new ProbeError(refusal);
    const set: unknown = hello.setName;
    if (typeof set !== 'string' && hello.msg !== 'isdbgrid') {
      throw new ProbeError('not a replica set: start mongod with --replSet and run rs.initiate()');
    }
    const members = Array.isArray(hello.hosts) ? hello.hosts.length : 0;
    return `version ${version}, ${typeof set === 'string' ? `replica set ${set} of ${members}` : 'sharded'}`;
  } finally {
    await client.close();
  }
};

/** Connects to a Redis and tells its version. @throws ProbeError when it will not do */
export const probeRedis = async (uri: string): Promise<string> => {
  const client = new Redis(uri, {
    lazyConnect: true,
    connectTimeout: PROBE_LIMIT_MS,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  let failure: Error | undefined;
  client.on('error', (error: Error) => (failure = error));
  try {
    await client.connect();
    const info = await client.info();
    const version = /^(?:valkey|redis)_version:(\S+)/m.exec(info)?.[1] ?? '0';
    const refusal = refuseRedis(version);
    if (refusal !== undefined) throw new ProbeError(refusal);
    const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1] ?? 'noeviction';
    const note =
      policy === 'noeviction'
        ? ''
        : `; set maxmemory-policy noeviction (it is ${policy}), or jobs may vanish`;
    return `version ${version}${note}`;
  } catch (error) {
    throw failure ?? error;
  } finally {
    client.disconnect();
  }
};
