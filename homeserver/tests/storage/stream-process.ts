import mongoose from 'mongoose';
import { z } from 'zod';
import { isProcessAlive, processName, processSpace } from '../../src/adapters/process-identity.ts';
import type { Bus } from '../../src/ports/bus.ts';
import type { Logger } from '../../src/ports/logger.ts';
import { connectRedis, disconnectRedis } from '../../src/redis/connection.ts';
import { RedisBus } from '../../src/redis/redis-bus.ts';
import { connectMongo, databaseOf } from '../../src/storage/mongo/connection.ts';
import { createIndexes } from '../../src/storage/mongo/create-indexes.ts';
import { StreamLeases, fenceIndexes } from '../../src/storage/mongo/stream-leases.ts';
import { MongoStreamPositions } from '../../src/storage/mongo/stream-positions.ts';

/** One writer and reader of a stream, in the test's process or in one of its own. */
export type StreamNode = {
  readonly stream: MongoStreamPositions;
  readonly rows: mongoose.mongo.Collection<Row>;
  readonly bus: Bus;
  close(): Promise<void>;
};

export type Row = { position: number; label?: string; void?: true };

const optionsSchema = z.object({
  mongoUri: z.string(),
  databaseName: z.string(),
  redisUri: z.string(),
  redisPrefix: z.string(),
  /** Without the bus, processes learn of each other from the database alone. */
  withBus: z.boolean(),
  ttlMs: z.number(),
  /** Pretends to be on another machine, so that only the lease's end tells that it died. */
  remote: z.boolean(),
});

export type NodeOptions = z.output<typeof optionsSchema>;

const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silent,
};

const noBus: Bus = {
  connected: false,
  hasPeers: false,
  isAlone: false,
  publish: () => undefined,
  subscribe: () => ({ [Symbol.dispose]: () => undefined }),
  onConnectionChange: () => ({ [Symbol.dispose]: () => undefined }),
};

export const openNode = async (options: NodeOptions): Promise<StreamNode> => {
  const stack = new AsyncDisposableStack();
  const connection = stack.adopt(
    await connectMongo({ uri: options.mongoUri, name: options.databaseName, maxPoolSize: 10 }),
    (open) => open.close(),
  );
  const db = databaseOf(connection);
  await createIndexes(db, 'streamTest', fenceIndexes('position'));
  const clock = { now: () => Date.now() };
  const owner = new mongoose.mongo.ObjectId().toHexString();
  let bus = noBus;
  if (options.withBus) {
    const publisher = stack.adopt(connectRedis(options.redisUri, 'fail-fast', silent), disconnectRedis);
    const subscriber = stack.adopt(connectRedis(options.redisUri, 'wait', silent), disconnectRedis);
    bus = stack.use(
      new RedisBus({
        publisher,
        subscriber,
        processId: owner,
        channel: options.redisPrefix,
        clock,
        logger: silent,
      }),
    );
  }
  const stream = stack.use(
    new MongoStreamPositions({
      leases: new StreamLeases(
        db,
        'test',
        [{ collection: 'streamTest', field: 'position' }],
        options.ttlMs,
        clock,
      ),
      bus,
      logger: silent,
      identity: {
        owner,
        host: options.remote ? `elsewhere ${process.pid}` : processSpace(),
        process: processName(),
      },
      isAlive: isProcessAlive,
      newId: () => new mongoose.mongo.ObjectId().toHexString(),
      timing: { tickMs: 200, stuckMs: 50, retryMs: 50 },
    }),
  );
  await stream.start();
  return { stream, rows: db.collection<Row>('streamTest'), bus, close: () => stack.disposeAsync() };
};

const commandSchema = z.discriminatedUnion('do', [
  z.object({ do: z.literal('write'), labels: z.array(z.string()), stalled: z.boolean() }),
  z.object({ do: z.literal('release') }),
]);

export type Command = z.output<typeof commandSchema>;

const serve = async (): Promise<void> => {
  const node = await openNode(optionsSchema.parse(JSON.parse(process.argv[2] ?? '{}')));
  let release: () => void = () => undefined;
  const report = (message: object): void => void process.send?.(message);
  const run = async (command: Command): Promise<void> => {
    if (command.do === 'release') {
      release();
      return;
    }
    const { labels, stalled } = command;
    await node.stream.write(labels.length, async (positions) => {
      report({ reserved: positions });
      if (stalled) await new Promise<void>((resolve) => (release = resolve));
      await node.rows.insertMany(
        positions.map((position, index) => ({ position, label: labels[index] ?? '' })),
      );
    });
    report({ written: labels });
  };
  process.on('message', (message) => {
    run(commandSchema.parse(message)).catch((error: unknown) => report({ error: String(error) }));
  });
  process.on('disconnect', () => process.exit(0));
  report({ ready: true });
};

if (process.argv[1] === import.meta.filename) await serve();
