import mongoose from 'mongoose';
import type { Connection, mongo } from 'mongoose';

/** For the wiring, which may not import the driver. */
export type MongoConnection = Connection;
export type MongoDatabase = mongo.Db;

export type MongoOptions = {
  readonly uri: string;
  /** Name of the database. */
  readonly name: string;
  readonly maxPoolSize: number;
  /** After how long a silent connection is given up; 0 for never. */
  readonly socketTimeoutMs?: number;
};

/** How long an operation looks for a usable server before it fails, in ms; short, so that an outage is told quickly. */
const SERVER_SELECTION_TIMEOUT_MS = 3_000;
const CONNECT_TIMEOUT_MS = 5_000;
/** A peer that says nothing for so long is dead; index builds run on a connection without this. */
const SOCKET_TIMEOUT_MS = 60_000;
const HEARTBEAT_MS = 2_000;

/** Every write is journaled before it is acknowledged: an answered request survives a crash of the database. */
const SINGLE_NODE: mongo.WriteConcernSettings = { w: 1, journal: true };
const REPLICATED: mongo.WriteConcernSettings = { w: 'majority', journal: true };

const clientOptions = (
  { name, maxPoolSize, socketTimeoutMs = SOCKET_TIMEOUT_MS }: MongoOptions,
  writeConcern: mongo.WriteConcernSettings,
) => ({
  dbName: name,
  appName: 'nyx',
  autoIndex: false,
  autoCreate: false,
  bufferCommands: false,
  maxPoolSize,
  serverSelectionTimeoutMS: SERVER_SELECTION_TIMEOUT_MS,
  connectTimeoutMS: CONNECT_TIMEOUT_MS,
  heartbeatFrequencyMS: HEARTBEAT_MS,
  socketTimeoutMS: socketTimeoutMs,
  retryReads: true,
  retryWrites: true,
  ignoreUndefined: true,
  writeConcern,
});

/** Thrown when the database is not what the server needs. */
export class UnsuitableDatabaseError extends Error {
  override readonly name = 'UnsuitableDatabaseError';
  readonly code = 'unsuitable_database';
}

/**
 * With one member, a journaled write is as safe as it gets and costs one disk flush; with several, only a majority
 * survives a failover.
 */
const concernFor = async (uri: string): Promise<mongo.WriteConcernSettings> => {
  const client = new mongoose.mongo.MongoClient(uri, {
    serverSelectionTimeoutMS: SERVER_SELECTION_TIMEOUT_MS,
  });
  try {
    const hello = await client.db('admin').command({ hello: 1 });
    const isMongos = hello.msg === 'isdbgrid';
    if (!isMongos && typeof hello.setName !== 'string') {
      throw new UnsuitableDatabaseError(
        'MongoDB must run as a replica set (one member is enough): start it with --replSet and run rs.initiate()',
      );
    }
    const hosts: unknown = hello.hosts;
    return !isMongos && Array.isArray(hosts) && hosts.length === 1 ? SINGLE_NODE : REPLICATED;
  } finally {
    await client.close();
  }
};

/** An open connection to the database; the caller closes it. Throws when it cannot be reached or has no replica set. */
export const connectMongo = async (options: MongoOptions): Promise<Connection> => {
  const writeConcern = await concernFor(options.uri);
  return mongoose.createConnection(options.uri, clientOptions(options, writeConcern)).asPromise();
};

/** The driver's database behind a connection; hot paths and migrations use it. */
export const databaseOf = (connection: Connection): mongo.Db => {
  const { db } = connection;
  if (db === undefined) throw new UnsuitableDatabaseError('The database connection is not open');
  return db;
};
