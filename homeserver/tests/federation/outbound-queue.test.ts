import mongoose, { type mongo } from 'mongoose';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RemoteError } from '@nyx/federation/http/errors.ts';
import type { JsonObject } from '@nyx/federation/json/value.ts';
import { parseServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import { Deliver } from '../../src/domain/federation/deliver.ts';
import { createLogger } from '../../src/observability/logger.ts';
import type { QueuedItem } from '../../src/ports/federation-stores.ts';
import { connectMongo, databaseOf } from '../../src/storage/mongo/connection.ts';
import { MongoOutbound } from '../../src/storage/mongo/federation/mongo-outbound.ts';
import { federationMigration } from '../../src/storage/mongo/migrations/0030-federation.ts';
import { queueOrderMigration } from '../../src/storage/mongo/migrations/0033-queue-order.ts';
import { unknownEventId } from '../../src/testing/hostile-peer.ts';
import { testServices } from '../../src/testing/services.ts';

const stack = new AsyncDisposableStack();
let db: mongo.Db;
let now: number;
const clock = { now: () => now };
const peer = parseServerName('peer.example');
const own = parseServerName('own.example');
const progress = { load: () => Promise.resolve(undefined), save: () => Promise.resolve() };
const never = new AbortController().signal;

beforeAll(async () => {
  const services = stack.use(testServices());
  const connection = await connectMongo({
    uri: services.mongoUri,
    name: services.databaseName,
    maxPoolSize: 5,
  });
  db = databaseOf(stack.adopt(connection, (open) => open.close()));
});
afterAll(() => stack.disposeAsync());
beforeEach(async () => {
  now = 1_800_000_000_000;
  await db.dropDatabase();
  await federationMigration.up(db, progress);
});

const pdu = (order: number) => ({ kind: 'pdu', eventId: unknownEventId(`e${order}`), order }) as const;
const edu = (number: number) => ({ kind: 'edu', edu: { edu_type: 'm.test', content: { number } } }) as const;
const numberOf = (item: QueuedItem | undefined) => (item?.kind === 'edu' ? item.edu.content : undefined);

describe('the queue of a server', () => {
  it('has events in the order of the stream, whichever process adds them when', async () => {
    const [before, after] = [new MongoOutbound(db, clock), new MongoOutbound(db, clock)];
    await after.add([peer], [pdu(3)]);
    await before.add([peer], [pdu(2)]);
    await after.add([peer], [pdu(4), pdu(2)]);
    await before.add([peer], [pdu(1)]);
    const ids = (await after.oldest(peer, 50, 100)).map((item) => item.kind === 'pdu' && item.eventId);
    expect(ids).toEqual([1, 2, 3, 4].map((order) => pdu(order).eventId));
  });

  it('has messages in the order in which they were added, over a restart too', async () => {
    for (let number = 0; number < 6; number++) {
      if (number === 3) now += 1;
      await new MongoOutbound(db, clock).add([peer], number % 3 === 0 ? [edu(number)] : []);
    }
    const queue = new MongoOutbound(db, clock);
    await queue.add([peer], [edu(6), edu(7)]);
    await queue.add([peer], [edu(8)]);
    const numbers = (await queue.oldest(peer, 50, 100)).map(numberOf);
    expect(numbers).toEqual([0, 3, 6, 7, 8].map((number) => ({ number })));
  });

  it('keeps what waited in the order of older versions, in front of what is new', async () => {
    const rows = db.collection<{ _id: string }>('federation_outbound');
    const ids = ['a', 'b', 'c'];
    for (const id of ids) {
      const o = mongoose.mongo.ObjectId.createFromTime(1_000 + id.charCodeAt(0));
      await rows.insertOne({ _id: id, d: peer, o, k: 'pdu', e: unknownEventId(id), at: now } as never);
    }
    await new MongoOutbound(db, clock).add([peer], [pdu(0)]);
    await queueOrderMigration.up(db, progress);
    await queueOrderMigration.up(db, progress);
    const queued = await new MongoOutbound(db, clock).oldest(peer, 50, 100);
    expect(queued.map(({ id }) => id)).toEqual([...ids, `${peer} ${pdu(0).eventId}`]);
  });
});

type Sent = { readonly id: string; readonly edus: readonly JsonObject[] };

/** A server that answers as told, and the delivery to it. */
const delivery = (answer: (sent: Sent) => Promise<ReadonlyMap<string, string>>) => {
  const outbound = new MongoOutbound(db, clock);
  const sent: Sent[] = [];
  let ids = 0;
  const deliver = new Deliver(
    {
      peers: {
        sendTransaction: (_server, id, body) => {
          const one = { id, edus: (body.edus ?? []) as JsonObject[] };
          sent.push(one);
          return answer(one);
        },
      },
      outbound,
      events: { getAll: () => Promise.resolve(new Map()) },
      clock,
      logger: createLogger('silent', { write: () => undefined }),
      allows: (server) => server === peer,
    },
    {
      server: own,
      backoff: { firstMs: 1_000, factor: 2, maxMs: 60_000, jitter: 0 },
      random: () => 0,
      newId: () => `transaction ${ids++}`,
      newLease: () => `lease ${ids++}`,
    },
  );
  return { outbound, sent, deliver: () => deliver.deliver(peer, never) };
};
const taken = () => Promise.resolve(new Map<string, string>());
const contents = ({ edus }: Sent) => edus.map(({ content }) => (content as { number: number }).number);

describe('delivery', () => {
  it('sends everything that waits, in transactions of no more than the limit, in order', async () => {
    const { outbound, sent, deliver } = delivery(taken);
    const numbers = Array.from({ length: 250 }, (_, number) => number);
    await outbound.add([peer], numbers.map(edu));
    expect(await deliver()).toEqual({});
    expect(sent.map(({ edus }) => edus.length)).toEqual([100, 100, 50]);
    expect(sent.flatMap(contents)).toEqual(numbers);
    expect(new Set(sent.map(({ id }) => id)).size).toBe(3);
    expect(await outbound.waiting(10)).toEqual([]);
  });

  it('repeats a transaction that was not answered under its id, with what it held, ever later', async () => {
    const answers = [false, false, true, true];
    const { outbound, sent, deliver } = delivery(() =>
      answers.shift() === true ? taken() : Promise.reject(new RemoteError(peer, { status: 502 })),
    );
    await outbound.add([peer], [edu(1)]);
    expect(await deliver()).toEqual({ retryInMs: 1_000 });
    await outbound.add([peer], [edu(2)]);
    // Too early.
    expect(await deliver()).toEqual({ retryInMs: 1_000 });
    expect(sent).toHaveLength(1);
    now += 1_000;
    expect(await deliver()).toEqual({ retryInMs: 2_000 });
    expect(await outbound.wake(peer)).toBe(true);
    expect(await deliver()).toEqual({});
    expect(sent.map(contents)).toEqual([[1], [1], [1], [2]]);
    expect(new Set(sent.slice(0, 3).map(({ id }) => id)).size).toBe(1);
    expect(sent[3]?.id).not.toBe(sent[0]?.id);
  });

  it('waits as long as the server asks', async () => {
    const { outbound, deliver } = delivery(() =>
      Promise.reject(new RemoteError(peer, { status: 429, retryAfterMs: 30_000 })),
    );
    await outbound.add([peer], [edu(1)]);
    expect(await deliver()).toEqual({ retryInMs: 30_000 });
  });

  it('uses the id of an answered transaction for nothing else, though it died before it noted the answer', async () => {
    const { outbound, sent, deliver } = delivery(taken);
    const state = { failures: 0, since: undefined, retryAt: 0 };
    await outbound.acquire(peer, 'dead', now + 1_000);
    await outbound.update(peer, 'dead', { ...state, transaction: { id: 'answered', items: ['gone'] } });
    await outbound.release(peer, 'dead');
    await outbound.add([peer], [edu(1)]);
    expect(await deliver()).toEqual({});
    expect(sent.map(contents)).toEqual([[1]]);
    expect(sent[0]?.id).not.toBe('answered');
  });

  it('leaves a queue alone that somebody else works on', async () => {
    const { outbound, sent, deliver } = delivery(taken);
    await outbound.add([peer], [edu(1)]);
    await outbound.acquire(peer, 'other', now + 1_000);
    expect(await deliver()).toEqual({ retryInMs: 1_000 });
    expect(sent).toEqual([]);
    await outbound.releaseDead((owner) => owner === 'other');
    expect(await deliver()).toEqual({});
    expect(sent).toHaveLength(1);
  });

  it('looks again soon for an event that is not stored yet, and drops one that never will be', async () => {
    const { outbound, sent, deliver } = delivery(taken);
    await outbound.add([peer], [pdu(1)]);
    expect((await deliver()).retryInMs).toBeLessThan(1_000);
    expect(await outbound.waiting(10)).toEqual([peer]);
    now += 61_000;
    await outbound.add([peer], [edu(1)]);
    expect(await deliver()).toEqual({});
    expect(sent.map(contents)).toEqual([[1]]);
    expect(await outbound.waiting(10)).toEqual([]);
  });
});
