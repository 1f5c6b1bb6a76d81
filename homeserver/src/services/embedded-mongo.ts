import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import mongoose from 'mongoose';
import { awaitPrevious, recordProcess } from './data-lock.ts';
import type { FoundBinary } from './find-binary.ts';
import { findBinary, fromMongodbSite, fromPath, fromSetting, fromWheel } from './find-binary.ts';
import type { Machine } from './machine.ts';
import { mongodbFromSite, mongodbFromWheel } from './pinned.ts';
import {
  freePort,
  keptSecret,
  makePrivateFolder,
  readIfThere,
  retryBusyPort,
  writePrivateFile,
} from './private-folder.ts';
import { SupervisedProcess } from './supervise.ts';

const { MongoClient, MongoServerError } = mongoose.mongo;

const REPLICA_SET = 'nyx';
const USER = 'nyx';
const START_LIMIT_MS = 60_000;
const POLL_MS = 25;

/** Server error codes (mongo/base/error_codes.yml). */
const AUTHENTICATION_FAILED = 18;
const ALREADY_INITIALIZED = 23;

/** MongoDB could not be started. */
export class MongoStartError extends Error {
  readonly code = 'MONGO_START_FAILED';
}

/** A service that runs until it is disposed of. */
export interface RunningService extends AsyncDisposable {
  /** Where to connect, with the password in it. */
  readonly uri: string;
  /** How the program was come by. */
  readonly source: string;
  readonly version: string;
  stop(): Promise<void>;
}

export type EmbeddedMongoOptions = {
  /** Folder of its own; made when missing, entered by this user only. */
  readonly folder: string;
  readonly cacheMegabytes: number;
  /** A `mongod` to use instead of looking for one. */
  readonly binary: string | undefined;
  /** For tests: small files, and killed instead of stopped. */
  readonly throwAway?: boolean;
};

const series = (version: string): { major: number; minor: number } => {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return { major, minor };
};

/**
 * Why a mongod of `version` cannot serve data of feature version `data` ('' for a new folder); undefined when it can.
 * MongoDB opens data of its own series and of the one before.
 */
export const refuseMongod = (version: string, data: string): string | undefined => {
  const own = series(version);
  if (own.major < 6) return `version ${version} is too old (6.0 or newer is needed)`;
  if (data === '') return undefined;
  const old = series(data);
  const sameMajor = own.major === old.major && own.minor >= old.minor;
  const nextMajor = own.major === old.major + 1 && own.minor === 0;
  return sameMajor || nextMajor ? undefined : `version ${version} cannot open the data of version ${data}`;
};

/** Where a mongod is looked for, in order. */
export const mongodSources = (machine: Machine, binary: string | undefined) => {
  const platform = {
    platform: `${machine.platform}-${machine.arch}`,
    distribution: distributionOf(machine.osRelease),
  };
  return [
    ...(binary === undefined ? [] : [fromSetting('database.binary', binary)]),
    fromPath(['mongod'], machine),
    fromMongodbSite(mongodbFromSite(platform), machine),
    fromWheel('mongod', mongodbFromWheel(platform), machine),
  ];
};

/** "debian 12" out of /etc/os-release. */
export const distributionOf = (osRelease: string): string => {
  const field = (name: string) => new RegExp(`^${name}="?([^"\\n]*)"?$`, 'm').exec(osRelease)?.[1] ?? '';
  return `${field('ID')} ${field('VERSION_ID')}`.trim();
};

/** Finds or fetches a mongod that can serve data of feature version `data` ('' for new data). */
export const findMongod = (
  machine: Machine,
  binary: string | undefined,
  data: string,
): Promise<FoundBinary> =>
  findBinary(
    'MongoDB',
    mongodSources(machine, binary),
    (version) => refuseMongod(version, data),
    'run MongoDB 6.0 or newer as a replica set and set MONGODB_URI (database.uri), or put a mongod on PATH.',
    machine,
  );

type Client = InstanceType<typeof MongoClient>;

const connect = async (host: string, password: string | undefined): Promise<Client> => {
  const client = new MongoClient(`mongodb://${host}/?directConnection=true`, {
    serverSelectionTimeoutMS: 2_000,
    maxPoolSize: 1,
    ...(password === undefined ? {} : { auth: { username: USER, password }, authSource: 'admin' }),
  });
  try {
    await client.connect();
    await client.db('admin').command({ ping: 1 });
    return client;
  } catch (error) {
    await client.close();
    throw error;
  }
};

const hasCode = (error: unknown, code: number): boolean =>
  error instanceof MongoServerError && error.code === code;

/** What mongod says of its end: its errors alone, because other lines may repeat the contents of files. */
const complaintOf = (output: string): string => {
  const lines = output.split('\n').flatMap((line) => {
    const severe = /"s":"[EF]".*?"msg":"([^"]*)"(?:,"attr":(.*)})?/.exec(line);
    if (severe !== null) return [`${severe[1] ?? ''} ${severe[2] ?? ''}`.trim()];
    return line.startsWith('{') || line.trim() === '' ? [] : [line];
  });
  return lines.join('\n').slice(-2_000) || 'it said nothing';
};

/** Calls `step` until it answers something, the process is gone, or the time is over. */
const until = async <T>(mongod: SupervisedProcess, step: () => Promise<T | undefined>): Promise<T> => {
  const end = performance.now() + START_LIMIT_MS;
  let complaint = '';
  while (performance.now() < end) {
    if (mongod.down) throw new MongoStartError(`mongod ended: ${complaintOf(mongod.output)}`);
    try {
      const answer = await step();
      if (answer !== undefined) return answer;
    } catch (error) {
      complaint = error instanceof Error ? error.message : String(error);
      if (hasCode(error, AUTHENTICATION_FAILED)) throw error;
    }
    await delay(POLL_MS);
  }
  throw new MongoStartError(`mongod did not answer within ${START_LIMIT_MS / 1_000} s: ${complaint}`);
};

const isPrimary = async (client: Client): Promise<true | undefined> => {
  const hello = await client.db('admin').command({ hello: 1 });
  return hello.isWritablePrimary === true ? true : undefined;
};

/**
 * Makes a replica set of one and its user. Only possible from this machine while there is no user yet (MongoDB's
 * localhost exception), which is also why nobody else can get in meanwhile with more than an empty database.
 */
const initialise = async (mongod: SupervisedProcess, host: string, password: string): Promise<void> => {
  const client = await connect(host, undefined);
  try {
    const admin = client.db('admin');
    const members = [{ _id: 0, host }];
    await admin.command({ replSetInitiate: { _id: REPLICA_SET, members } }).catch((error: unknown) => {
      if (!hasCode(error, ALREADY_INITIALIZED)) throw error;
    });
    await until(mongod, () => isPrimary(client));
    await admin.command({ createUser: USER, pwd: password, roles: [{ role: 'root', db: 'admin' }] });
  } finally {
    await client.close();
  }
};

/**
 * Writes another address into the stored replica set. Done on a mongod without replication and network (a socket in
 * a folder that only this user enters): a member that does not find itself in its own configuration takes no orders.
 */
const moveMember = async (dbpath: string, binary: string, host: string, machine: Machine): Promise<void> => {
  const folder = await mkdtemp(join(tmpdir(), 'nyx-mongo-'));
  const socket = join(folder, 'move.sock');
  const mongod = new SupervisedProcess({
    name: 'mongod',
    command: binary,
    args: [
      '--dbpath',
      dbpath,
      '--bind_ip',
      socket,
      '--quiet',
      '--setParameter',
      'diagnosticDataCollectionEnabled=false',
    ],
    env: { PATH: machine.env.PATH },
    report: machine.report,
  });
  try {
    const client = await until(mongod, () => connect(encodeURIComponent(socket), undefined));
    try {
      const sets = client.db('local').collection<{ _id: string }>('system.replset');
      await sets.updateOne({ _id: REPLICA_SET }, { $set: { 'members.0.host': host } });
    } finally {
      await client.close();
    }
  } finally {
    await mongod[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  }
};

const mongodArguments = (options: EmbeddedMongoOptions, port: number): string[] => {
  const { folder, cacheMegabytes, throwAway = false } = options;
  const parameter = (text: string) => ['--setParameter', text];
  return [
    ...['--dbpath', join(folder, 'db')],
    ...['--bind_ip', '127.0.0.1', '--port', String(port), '--nounixsocket'],
    ...['--replSet', REPLICA_SET, '--keyFile', join(folder, 'keyfile')],
    ...['--wiredTigerCacheSizeGB', String(Math.max(0.25, cacheMegabytes / 1_024))],
    ...['--oplogSize', throwAway ? '128' : '1024', '--quiet'],
    ...parameter('diagnosticDataCollectionEnabled=false'),
    // A replica set of one has nobody to wait for when it stops.
    ...parameter('shutdownTimeoutMillisForSignaledShutdown=100'),
    ...(throwAway ? parameter('enableTestCommands=1') : []),
  ];
};

const prepareFolder = async (
  folder: string,
): Promise<{ password: string; port: number; moved: boolean; data: string }> => {
  await makePrivateFolder(join(folder, 'db'));
  await keptSecret(folder, 'keyfile');
  const password = await keptSecret(folder, 'password');
  const kept = Number((await readIfThere(join(folder, 'port'))) ?? '');
  const port = await freePort(kept > 0 ? kept : undefined);
  const data = ((await readIfThere(join(folder, 'feature-version'))) ?? '').trim();
  return { password, port, moved: kept > 0 && kept !== port, data };
};

const startOnce = async (options: EmbeddedMongoOptions, machine: Machine): Promise<RunningService> => {
  await makePrivateFolder(options.folder);
  await awaitPrevious(join(options.folder, 'guard'));
  const { password, port, moved, data } = await prepareFolder(options.folder);
  const { path, source, version } = await findMongod(machine, options.binary, data);
  const host = `127.0.0.1:${port}`;
  if (moved) await moveMember(join(options.folder, 'db'), path, host, machine);
  const guard = join(options.folder, 'guard');
  const mongod = new SupervisedProcess({
    name: 'mongod',
    command: path,
    args: mongodArguments(options, port),
    env: { PATH: machine.env.PATH, HOME: machine.env.HOME },
    report: machine.report,
    onStart: (pid) => recordProcess(guard, pid),
    ...(options.throwAway === true ? { stopSignal: 'SIGKILL' as const } : {}),
  });
  try {
    const open = await until(mongod, () => connect(host, undefined));
    await open.close();
    let client: Client;
    try {
      client = await until(mongod, () => connect(host, password));
    } catch (error) {
      if (!hasCode(error, AUTHENTICATION_FAILED)) throw error;
      await initialise(mongod, host, password);
      client = await until(mongod, () => connect(host, password));
    }
    await until(mongod, () => isPrimary(client));
    const fcv = await client.db('admin').command({ getParameter: 1, featureCompatibilityVersion: 1 });
    await client.close();
    const { version: feature } = fcv.featureCompatibilityVersion as { version: string };
    await writePrivateFile(join(options.folder, 'port'), `${port}\n`);
    await writePrivateFile(join(options.folder, 'feature-version'), `${feature}\n`);
  } catch (error) {
    await mongod[Symbol.asyncDispose]();
    throw error;
  }
  mongod.established();
  const stop = () => mongod[Symbol.asyncDispose]();
  const uri = `mongodb://${USER}:${password}@${host}/?replicaSet=${REPLICA_SET}&authSource=admin`;
  return { uri, source, version, stop, [Symbol.asyncDispose]: stop };
};

/**
 * Runs MongoDB as a replica set of one with journalling, on a port of 127.0.0.1, behind a password, with its data in
 * `options.folder`. It ends with this process, however this process ends.
 * @throws ServiceNotFoundError when there is no mongod, MongoStartError when it does not come up
 */
export const startEmbeddedMongo = (
  options: EmbeddedMongoOptions,
  machine: Machine,
): Promise<RunningService> => retryBusyPort(() => startOnce(options, machine));
