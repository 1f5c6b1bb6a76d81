import { join, resolve } from 'node:path';
import type { Config } from '@nyx/config/schema.ts';
import { findMongod } from '../../services/embedded-mongo.ts';
import { findRedis } from '../../services/embedded-redis.ts';
import type { Attempt, FoundBinary } from '../../services/find-binary.ts';
import { ServiceNotFoundError } from '../../services/find-binary.ts';
import type { Machine } from '../../services/machine.ts';
import { readIfThere } from '../../services/private-folder.ts';
import { probeMongo, probeRedis } from '../../services/probe.ts';
import type { Check } from '../table.ts';

const attemptChecks = (what: string, attempts: readonly Attempt[], found: boolean): Check[] =>
  attempts.map(({ source, ok, detail }) => ({
    status: ok ? 'ok' : found ? 'none' : 'fail',
    what,
    detail: `${source}: ${ok ? `${detail} (taken)` : detail}`,
  }));

const embedded = async (
  what: string,
  setting: string,
  find: () => Promise<FoundBinary>,
): Promise<Check[]> => {
  try {
    const { attempts, version } = await find();
    const old = `${what} ${version} is run by Nyx itself. These versions are old and have one copy of the data: production sets ${setting}.`;
    return [...attemptChecks(what, attempts, true), { status: 'warn', what, detail: old }];
  } catch (error) {
    if (!(error instanceof ServiceNotFoundError)) throw error;
    return [...attemptChecks(what, error.attempts, false), { status: 'fail', what, detail: error.message }];
  }
};

const configured = async (what: string, setting: string, probe: () => Promise<string>): Promise<Check[]> => {
  try {
    return [{ status: 'ok', what, detail: `${setting}: ${await probe()}` }];
  } catch (error) {
    const detail = `${setting}: ${error instanceof Error ? error.message : String(error)}`;
    return [{ status: 'fail', what, detail }];
  }
};

/** Each place that MongoDB can come from, or whether the configured one answers and will do. */
export const checkDatabase = async ({ server, database }: Config, machine: Machine): Promise<Check[]> => {
  const { uri } = database;
  if (uri !== undefined) return configured('MongoDB', 'database.uri', () => probeMongo(uri.reveal()));
  const data = await readIfThere(join(resolve(server.dataDir), 'mongodb', 'feature-version'));
  return embedded('MongoDB', 'MONGODB_URI', () => findMongod(machine, database.binary, (data ?? '').trim()));
};

/** Each place that Redis can come from, or whether the configured one answers and will do. */
export const checkRedis = async ({ redis }: Config, machine: Machine): Promise<Check[]> => {
  const { uri } = redis;
  if (uri !== undefined) return configured('Redis', 'redis.uri', () => probeRedis(uri.reveal()));
  return embedded('Redis', 'REDIS_URL', () => findRedis(machine, redis.binary));
};
