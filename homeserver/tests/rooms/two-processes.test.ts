import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestServer, type TestServer, type TestUser } from '../../src/testing/create-test-server.ts';

const v3 = '/_matrix/client/v3';
const MESSAGES = process.env.NYX_TEST_LONG === '1' ? 10_000 : 300;
const VISITS = process.env.NYX_TEST_LONG === '1' ? 200 : 8;
const enc = encodeURIComponent;

let one: TestServer;
let two: TestServer;
let alice: TestUser;

type Row = { _id: string; r: string; p: number; s: number; j: string };
type Answer = TestUser extends { ok(...args: never[]): Promise<infer T> } ? T : never;

beforeAll(async () => {
  one = await createTestServer();
  two = await createTestServer({ sameAs: one });
  alice = await one.register('alice');
});
afterAll(async () => {
  await two.close();
  await one.close();
});

/** The user, talking to the other process. */
const at = (server: TestServer, user: TestUser) => {
  const call = async (method: string, path: string, body?: unknown): Promise<Answer> => {
    const options = body === undefined ? {} : { body };
    const answer = await server.request(method, path, { token: user.token, ...options });
    if (answer.status !== 200)
      throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  return { call };
};

it('tells on one process what was sent on both, each event once and none missing', async () => {
  const bob = await one.register('bob');
  const { room_id: room } = await alice.ok('POST', `${v3}/createRoom`, { preset: 'public_chat' });
  await at(two, bob).call('POST', `${v3}/join/${enc(room)}`, {});
  const reader = at(two, bob);
  let { next_batch: since } = await reader.call('GET', `${v3}/sync`);
  const sent = new Set<string>();
  const send = async (server: TestServer, user: TestUser, lane: number, n: number) => {
    const path = `${v3}/rooms/${enc(room)}/send/m.room.message/${lane}-${n}`;
    sent.add(
      (await at(server, user).call('PUT', path, { msgtype: 'm.text', body: `${lane} ${n}` })).event_id,
    );
  };
  const lanes = [one, two, one, two].map(async (server, lane) => {
    for (let n = 0; n < MESSAGES / 4; n++) await send(server, lane % 2 === 0 ? alice : bob, lane, n);
  });
  const churn = (async () => {
    for (let n = 0; n < 8; n++) {
      const guest = await one.register(`guest${n}`);
      await at(n % 2 === 0 ? one : two, guest).call('POST', `${v3}/join/${enc(room)}`, {});
      await at(n % 2 === 0 ? two : one, guest).call('POST', `${v3}/rooms/${enc(room)}/leave`, {});
    }
  })();
  const progress = { finished: false };
  const done = Promise.all([...lanes, churn]).finally(() => {
    progress.finished = true;
  });
  done.catch(() => undefined);
  const seen: string[] = [];
  const filter = enc(JSON.stringify({ room: { timeline: { limit: 200 } } }));
  let idle = 0;
  while (!progress.finished || (idle < 3 && seen.filter((id) => sent.has(id)).length < sent.size)) {
    const answer = await reader.call('GET', `${v3}/sync?since=${since}&timeout=2000&filter=${filter}`);
    since = answer.next_batch;
    const timeline = answer.rooms?.join?.[room]?.timeline;
    expect(timeline?.limited ?? false).toBe(false);
    for (const event of timeline?.events ?? []) seen.push(event.event_id);
    idle = progress.finished && timeline === undefined ? idle + 1 : 0;
  }
  await done;
  const messages = seen.filter((id) => sent.has(id));
  expect(messages.length).toBe(sent.size);
  expect(new Set(seen).size).toBe(seen.length);
  const order = async (server: TestServer) => {
    const page = await at(server, alice).call('GET', `${v3}/rooms/${enc(room)}/messages?dir=b&limit=500`);
    return page.chunk.map(({ event_id: id }: { event_id: string }) => id);
  };
  expect(await order(one)).toEqual(await order(two));
  const stored = one.server.context.foundation.db.collection<Row>('events');
  const rows = await stored.find({ r: room }).sort({ p: 1 }).toArray();
  for (const [index, { p, s, j }] of rows.entries()) {
    const previous = rows[index - 1];
    if (previous === undefined) continue;
    // Both orders rise together, and nothing is built on an event that was refused.
    expect(p).toBe(previous.p + 1);
    expect(s).toBeGreaterThan(previous.s);
    expect(JSON.parse(j).prev_events).toEqual([previous._id]);
  }
}, 300_000);

it('lets nobody be refused on one process for what it has not yet heard of from the other', async () => {
  const { room_id: room } = await alice.ok('POST', `${v3}/createRoom`, { preset: 'public_chat' });
  const guest = await one.register('fleeting');
  const progress = { finished: false };
  const lane = async (number: number) => {
    for (let n = 0; !progress.finished; n++) {
      const path = `${v3}/rooms/${enc(room)}/send/m.room.message/busy-${number}-${n}`;
      await at(two, alice).call('PUT', path, { msgtype: 'm.text', body: `${n}` });
    }
  };
  const visits = async () => {
    for (let n = 0; n < VISITS; n++) {
      await at(one, guest).call('POST', `${v3}/join/${enc(room)}`, {});
      const path = `${v3}/rooms/${enc(room)}/send/m.room.message/visit-${n}`;
      await at(two, guest).call('PUT', path, { msgtype: 'm.text', body: `visit ${n}` });
      await at(two, guest).call('POST', `${v3}/rooms/${enc(room)}/leave`, {});
    }
  };
  const visiting = visits().finally(() => {
    progress.finished = true;
  });
  await Promise.all([visiting, ...[0, 1, 2, 3].map(lane)]);
}, 300_000);

it('counts on one process what was done on the other also when Redis is away', async () => {
  const away = { ...one, services: { ...one.services, redisUri: 'redis://127.0.0.1:1' } };
  await using left = await createTestServer({ sameAs: away });
  await using right = await createTestServer({ sameAs: away });
  const { room_id: room } = await alice.ok('POST', `${v3}/createRoom`, { preset: 'public_chat' });
  const guest = await one.register('unheard');
  const member = `${v3}/rooms/${enc(room)}/state/m.room.member/${enc(guest.userId)}`;
  for (let n = 0; n < 5; n++) {
    await at(left, guest).call('POST', `${v3}/join/${enc(room)}`, {});
    expect(await at(right, guest).call('GET', member)).toMatchObject({ membership: 'join' });
    await at(right, guest).call('PUT', `${v3}/rooms/${enc(room)}/send/m.room.message/unheard-${n}`, {
      msgtype: 'm.text',
      body: `${n}`,
    });
    await at(right, guest).call('POST', `${v3}/rooms/${enc(room)}/leave`, {});
    expect(await at(left, alice).call('GET', member)).toMatchObject({ membership: 'leave' });
  }
}, 120_000);

it('makes a room for each request, also when two processes get the same one in the same millisecond', async () => {
  const systemClock = one.server.context.foundation.platform.clock;
  const at2100 = { ...systemClock, now: () => 4_102_444_800_000 };
  await using left = await createTestServer({ sameAs: one, platform: { clock: at2100 } });
  await using right = await createTestServer({ sameAs: one, platform: { clock: at2100 } });
  const token = alice.token;
  const create = async (server: TestServer, n: number) => {
    const body = { room_version: '12', room_alias_name: `same-ms-${server === left ? 'l' : 'r'}-${n}` };
    const answer = await server.request('POST', `${v3}/createRoom`, {
      token,
      body: { ...body, name: 'Same' },
    });
    return {
      status: answer.status,
      room: answer.body.room_id,
      alias: `#${body.room_alias_name}:${nameOf(alice)}`,
    };
  };
  const rounds = Array.from({ length: 6 }, (_, n) => n);
  const made = await Promise.all(rounds.flatMap((n) => [create(left, n), create(right, n)]));
  expect(made.map(({ status }) => status)).toEqual(made.map(() => 200));
  expect(new Set(made.map(({ room }) => room)).size).toBe(made.length);
  for (const { room, alias } of made)
    expect((await alice.ok('GET', `${v3}/directory/room/${enc(alias)}`)).room_id).toBe(room);
});

const nameOf = ({ userId }: TestUser): string => userId.slice(userId.indexOf(':') + 1);
