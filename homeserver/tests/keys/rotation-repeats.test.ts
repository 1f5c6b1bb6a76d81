import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { JobRequest } from '../../src/ports/job-queue.ts';
import { createFederation, type TestFederation } from '../../src/testing/create-federation.ts';
import type { TestServer, TestUser } from '../../src/testing/create-test-server.ts';

const V3 = '/_matrix/client/v3';
const SEED = Number(process.env.NYX_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));

let federation: TestFederation;
let one: TestServer;
let two: TestServer;

beforeAll(async () => {
  federation = await createFederation(2);
  const [first, second] = federation.servers;
  if (first === undefined || second === undefined) throw new Error('no servers');
  [one, two] = [first, second];
}, 120_000);
afterAll(() => federation[Symbol.asyncDispose]());

/** Holds the jobs of the fan-out back, so that the test runs them as it likes. */
const holdJobs = (server: TestServer) => {
  const { foundation } = server.server.context;
  const held: JobRequest[] = [];
  const isHeld = ({ name }: JobRequest) => name.startsWith('keys.rotation-');
  const enqueue = foundation.relay.enqueue.bind(foundation.relay);
  vi.spyOn(foundation.relay, 'enqueue').mockImplementation((requests) => {
    held.push(...requests.filter(isHeld));
    return enqueue(requests.filter((request) => !isHeld(request)));
  });
  const add = foundation.outbox.add.bind(foundation.outbox);
  vi.spyOn(foundation.outbox, 'add').mockImplementation((requests, session) => {
    held.push(...requests.filter(isHeld));
    return add(
      requests.filter((request) => !isHeld(request)),
      session,
    );
  });
  return {
    server,
    /** Takes what was held since the last time. */
    take: (name: string): JobRequest[] => {
      const taken = held.filter((request) => request.name === name);
      for (const request of taken) held.splice(held.indexOf(request), 1);
      return taken;
    },
    run: async ({ name, payload }: JobRequest): Promise<void> => {
      const job = foundation.jobs.get(name);
      if (job === undefined) throw new Error(`no job ${name}`);
      await job.run(job.payload.parse(JSON.parse(JSON.stringify(payload))), {
        id: 'test',
        attempt: 1,
        log: foundation.platform.logger,
        signal: new AbortController().signal,
      });
    },
    wipeRedis: async (): Promise<void> => {
      const { redis } = foundation;
      for await (const keys of redis.scanStream({
        match: `${server.config.redis.keyPrefix}*`,
        count: 1_000,
      })) {
        const found = keys as string[];
        if (found.length > 0) await redis.unlink(...found);
      }
      // As when a Redis that was restarted comes back empty.
      await foundation.outbox.markLost(0);
      foundation.relay.poke();
    },
  };
};

const shuffled = <T>(items: readonly T[]): T[] => {
  let state = SEED;
  const random = () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return state / 2 ** 31;
  };
  return items
    .map((item) => ({ item, at: random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ item }) => item);
};

type Event = { type: string; content: { room: string; after: string; reason: string } };

/** A device that reads its messages, acknowledging each page. */
const reader = async (user: TestUser) => {
  let { next_batch: since } = await user.ok('GET', `${V3}/sync?timeout=0`);
  const seen: Event[] = [];
  return {
    user,
    seen,
    read: async (timeout = 0): Promise<void> => {
      for (;;) {
        const answer = await user.ok('GET', `${V3}/sync?timeout=${timeout}&since=${since}`);
        since = answer.next_batch;
        const events: Event[] = answer.to_device?.events ?? [];
        seen.push(...events.filter(({ type }) => type === 'chat.nyx.rotate'));
        if (events.length === 0 && answer.rooms === undefined) return;
      }
    },
  };
};

it('tells each remaining device once, and departed ones never, however its jobs are run', async () => {
  console.info(`seed ${SEED}`);
  const alice = await one.register('alice');
  const bob = await one.register('bob');
  const erin = await one.register('erin');
  const carol = await two.register('carol');
  const dave = await two.register('dave');
  const { room_id: room } = await alice.ok('POST', `${V3}/createRoom`, {
    preset: 'public_chat',
    initial_state: [
      { type: 'm.room.encryption', state_key: '', content: { algorithm: 'm.megolm.v1.aes-sha2' } },
    ],
  });
  const path = encodeURIComponent(room);
  for (const user of [bob, erin]) await user.ok('POST', `${V3}/join/${path}`, {});
  for (const user of [carol, dave])
    await user.ok('POST', `${V3}/join/${path}?via=${one.config.server.name}`, {});
  const extra = [await one.login(alice), await one.login(alice), await two.login(carol)];
  const remaining = await Promise.all([alice, bob, carol, ...extra].map(reader));
  const departed = await Promise.all([erin, dave].map(reader));
  const places = [holdJobs(one), holdJobs(two)];

  await alice.ok('POST', `${V3}/rooms/${path}/kick`, { user_id: dave.userId });
  const plans = await Promise.all(
    places.map(async (place) => {
      const found: JobRequest[] = [];
      await vi.waitFor(
        () => expect(found.push(...place.take('keys.rotation-plan'))).toBeGreaterThan(0),
        20_000,
      );
      return found.map((request) => ({ place, request }));
    }),
  );
  for (const { place, request } of [...plans.flat(), ...plans.flat()]) await place.run(request);
  const deliveries = places.flatMap((place) =>
    place.take('keys.rotation-deliver').map((request) => ({ place, request })),
  );
  expect(deliveries.length).toBeGreaterThanOrEqual(6);
  // Somebody leaves after the plan was made and before anything was delivered. The server that is told, too.
  await erin.ok('POST', `${V3}/rooms/${path}/leave`, {});
  const order = shuffled([...deliveries, ...deliveries]);
  for (const [index, { place, request }] of order.entries()) {
    if (index === Math.floor(order.length / 2)) for (const each of places) await each.wipeRedis();
    await place.run(request);
    // Whoever has read and acknowledged a signal is not told again either.
    if (index % 3 === 0) for (const each of remaining) await each.read();
  }
  const arrived = async () => {
    for (const place of places) await place.server.server.context.foundation.relay.drain();
    return two.server.context.foundation.db.collection('toDeviceRepeats').countDocuments();
  };
  await expect.poll(arrived, { timeout: 30_000 }).toBeGreaterThanOrEqual(1);
  for (const each of [...remaining, ...departed]) await each.read(200);
  for (const { place, request } of shuffled([...plans.flat(), ...deliveries])) await place.run(request);
  for (const each of [...remaining, ...departed]) await each.read(200);

  const [kick] = plans.flat();
  const { after } = kick?.request.payload as { after: string };
  for (const { user, seen } of remaining) {
    const ofKick = seen.filter(({ content }) => content.after === after);
    expect(ofKick, `${user.userId} ${user.deviceId}`).toHaveLength(1);
    expect(ofKick[0]?.content).toEqual({ room, after, reason: 'kick' });
  }
  for (const { user, seen } of departed) expect(seen, user.userId).toEqual([]);
}, 180_000);
