import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestServer, type TestServer, type TestUser } from '../../src/testing/create-test-server.ts';
import { list, SlidingClient, STABLE, UNSTABLE, type Answer } from './sliding-client.ts';

const v3 = '/_matrix/client/v3';
const enc = encodeURIComponent;

let server: TestServer;
let users = 0;
let transactions = 0;

beforeAll(async () => {
  server = await createTestServer();
});
afterAll(() => server.close());

const newUser = (): Promise<TestUser> => server.register(`u${(users += 1)}`);

const makeRoom = async (user: TestUser, body: object = {}): Promise<string> =>
  (await user.ok('POST', `${v3}/createRoom`, { preset: 'public_chat', ...body })).room_id;

const say = async (user: TestUser, room: string, body: string): Promise<string> => {
  const path = `${v3}/rooms/${enc(room)}/send/m.room.message/t${(transactions += 1)}`;
  return (await user.ok('PUT', path, { msgtype: 'm.text', body })).event_id;
};

const setState = (user: TestUser, room: string, type: string, content: object, key = '') =>
  user.ok('PUT', `${v3}/rooms/${enc(room)}/state/${type}/${key}`, content);

const join = (user: TestUser, room: string) => user.ok('POST', `${v3}/join/${enc(room)}`, {});

const ids = (room: Answer): string[] =>
  (room?.timeline ?? []).map(({ event_id: id }: { event_id: string }) => id);
const state = (room: Answer): string[] =>
  (room?.required_state ?? [])
    .map(({ type, state_key: key }: { type: string; state_key: string }) => `${type}|${key}`)
    .sort();

describe('lists', () => {
  it('are windows on the rooms, most recent activity first', async () => {
    const alice = await newUser();
    const rooms: string[] = [];
    for (let n = 0; n < 5; n++) rooms.push(await makeRoom(alice, { name: `Room ${n}` }));
    await say(alice, rooms[1] ?? '', 'up');
    const order = [rooms[1], rooms[4], rooms[3], rooms[2], rooms[0]];
    const client = new SlidingClient(alice);
    const first = await client.ask(list([[0, 1]], { limit: 1 }));
    expect(first.lists.all).toEqual({
      count: 5,
      ops: [{ op: 'SYNC', range: [0, 1], room_ids: order.slice(0, 2) }],
    });
    expect(Object.keys(first.rooms)).toEqual(order.slice(0, 2));
    expect(first.rooms[rooms[1] ?? '']).toMatchObject({
      initial: true,
      name: 'Room 1',
      joined_count: 1,
      invited_count: 0,
      limited: true,
      num_live: 0,
      prev_batch: expect.any(String),
      bump_stamp: expect.any(Number),
    });
    // A wider window brings the rooms that were not sent yet, and no others.
    const wider = await client.ask(list([[0, 99]], { limit: 1 }));
    expect(Object.keys(wider.rooms)).toEqual(order.slice(2));
    expect((await client.ask(list([[0, 99]], { limit: 1 }))).rooms).toEqual({});
  });

  it('are filtered', async () => {
    const alice = await newUser();
    const bob = await newUser();
    const plain = await makeRoom(alice);
    const space = await makeRoom(alice, { creation_content: { type: 'm.space' } });
    const secret = await makeRoom(alice, {
      initial_state: [{ type: 'm.room.encryption', content: { algorithm: 'm.megolm.v1.aes-sha2' } }],
    });
    const invited = await makeRoom(bob, { invite: [alice.userId] });
    await setState(alice, space, 'm.space.child', { via: ['localhost'] }, enc(plain));
    await alice.ok('PUT', `${v3}/user/${enc(alice.userId)}/account_data/m.direct`, {
      [bob.userId]: [secret],
    });
    await alice.ok('PUT', `${v3}/user/${enc(alice.userId)}/rooms/${enc(plain)}/tags/m.favourite`, {});
    const found = async (filters: object) => {
      const { lists } = await new SlidingClient(alice).ask(list([[0, 99]], { filters }));
      return new Set(lists.all.ops[0].room_ids);
    };
    expect(await found({})).toEqual(new Set([plain, space, secret, invited]));
    expect(await found({ is_dm: true })).toEqual(new Set([secret]));
    expect(await found({ is_dm: false })).toEqual(new Set([plain, space, invited]));
    expect(await found({ is_encrypted: true })).toEqual(new Set([secret]));
    expect(await found({ is_invite: true })).toEqual(new Set([invited]));
    expect(await found({ is_invite: false })).toEqual(new Set([plain, space, secret]));
    expect(await found({ room_types: ['m.space'] })).toEqual(new Set([space]));
    expect(await found({ room_types: [null, 'm.space'] })).toEqual(new Set([plain, space, secret, invited]));
    expect(await found({ not_room_types: ['m.space'] })).toEqual(new Set([plain, secret, invited]));
    expect(await found({ spaces: [space] })).toEqual(new Set([plain]));
    expect(await found({ tags: ['m.favourite'] })).toEqual(new Set([plain]));
    expect(await found({ not_tags: ['m.favourite'] })).toEqual(new Set([space, secret, invited]));
    // Marks that change count at once.
    await alice.ok('PUT', `${v3}/user/${enc(alice.userId)}/account_data/m.direct`, {});
    expect(await found({ is_dm: true })).toEqual(new Set());
  });

  it('tell of a room what happened while it was out of their range, once it is back', async () => {
    const alice = await newUser();
    const [one, two] = [await makeRoom(alice), await makeRoom(alice)];
    const client = new SlidingClient(alice);
    await client.ask(list([[0, 1]]));
    const below = list([[0, 0]]);
    expect((await client.ask(below)).rooms).toEqual({});
    // `one` goes on, but `two` goes on later and holds the window.
    const missed = await say(alice, one, 'missed');
    const seen = await say(alice, two, 'seen');
    const narrow = await client.ask(below);
    expect(Object.keys(narrow.rooms)).toEqual([two]);
    expect(ids(narrow.rooms[two])).toEqual([seen]);
    const wide = await client.ask(list([[0, 1]]));
    expect(ids(wide.rooms[one])).toEqual([missed]);
    expect(wide.rooms[one].initial).toBeUndefined();
    expect(wide.rooms[one].num_live).toBe(0);
    expect(Object.keys(wide.rooms)).toEqual([one]);
  });
});

describe('rooms', () => {
  it('come by subscription, with more history when more is asked for', async () => {
    const alice = await newUser();
    const bob = await newUser();
    const room = await makeRoom(alice);
    const hidden = await makeRoom(bob);
    const sent: string[] = [];
    for (let n = 0; n < 6; n++) sent.push(await say(alice, room, `${n}`));
    const client = new SlidingClient(alice);
    const subscription = (limit: number) => ({
      room_subscriptions: {
        [room]: { timeline_limit: limit, required_state: [] },
        [hidden]: { timeline_limit: limit, required_state: [['*', '*']] },
      },
    });
    const first = await client.ask(subscription(2));
    expect(Object.keys(first.rooms)).toEqual([room]);
    expect(ids(first.rooms[room])).toEqual(sent.slice(-2));
    const more = await client.ask(subscription(5));
    expect(ids(more.rooms[room])).toEqual(sent.slice(-5));
    expect(more.rooms[room]).toMatchObject({ unstable_expanded_timeline: true, num_live: 0 });
    expect(more.rooms[room].initial).toBeUndefined();
    // Fewer, and more again: the client has them.
    expect((await client.ask(subscription(1))).rooms).toEqual({});
    expect((await client.ask(subscription(5))).rooms).toEqual({});
    const next = await say(alice, room, 'live');
    const live = await client.ask(subscription(5));
    expect(ids(live.rooms[room])).toEqual([next]);
    expect(live.rooms[room].num_live).toBe(1);
    // The token of the page goes on to older events.
    const { prev_batch: from } = first.rooms[room];
    const page = await alice.ok('GET', `${v3}/rooms/${enc(room)}/messages?dir=b&limit=2&from=${from}`);
    expect(page.chunk.map(({ event_id: id }: { event_id: string }) => id)).toEqual([sent[3], sent[2]]);
  });

  it('bring the state that is asked for, and what changes of it', async () => {
    const alice = await newUser();
    const bob = await newUser();
    const room = await makeRoom(alice, { name: 'Before', topic: 'Talk' });
    await join(bob, room);
    await setState(alice, room, 'm.space.child', { via: ['localhost'] }, enc('!c:localhost'));
    const ask = (pairs: [string, string][]) => list([[0, 0]], { state: pairs, limit: 1 });
    const wanted = async (pairs: [string, string][]) =>
      state((await new SlidingClient(alice).ask(ask(pairs))).rooms[room]);
    expect(
      await wanted([
        ['m.room.name', ''],
        ['m.space.child', '*'],
      ]),
    ).toEqual(['m.room.name|', 'm.space.child|!c:localhost']);
    expect(await wanted([['m.room.member', '$ME']])).toEqual([`m.room.member|${alice.userId}`]);
    const all = await wanted([['*', '*']]);
    expect(all).toContain(`m.room.member|${bob.userId}`);
    expect(all.length).toBeGreaterThan(8);
    expect((await wanted([['*', '']])).every((entry) => entry.endsWith('|'))).toBe(true);

    const client = new SlidingClient(alice);
    const names: [string, string][] = [['m.room.name', '']];
    await client.ask(ask(names));
    await setState(alice, room, 'm.room.name', { name: 'After' });
    const renamed = await client.ask(ask(names));
    expect(renamed.rooms[room]).toMatchObject({ name: 'After' });
    expect(state(renamed.rooms[room])).toEqual(['m.room.name|']);
    // Asked for in addition: it comes at once, and what was asked for before does not come again.
    const more = await client.ask(ask([...names, ['m.room.topic', '']]));
    expect(state(more.rooms[room])).toEqual(['m.room.topic|']);
    expect((await client.ask(ask([...names, ['m.room.topic', '']]))).rooms).toEqual({});
  });

  it('load members as the timeline needs them', async () => {
    const alice = await newUser();
    const room = await makeRoom(alice);
    const others = [await newUser(), await newUser(), await newUser()];
    for (const user of others) await join(user, room);
    const [bob, carol] = others;
    if (bob === undefined || carol === undefined) throw new Error('nobody');
    await say(bob, room, 'hello');
    const lazy = list([[0, 0]], { limit: 1, state: [['m.room.member', '$LAZY']] });
    const client = new SlidingClient(alice);
    const member = ({ userId }: TestUser): string => `m.room.member|${userId}`;
    expect(state((await client.ask(lazy)).rooms[room])).toEqual([member(bob)]);
    await say(bob, room, 'again');
    expect(state((await client.ask(lazy)).rooms[room])).toEqual([]);
    await say(carol, room, 'me too');
    const before = client.pos;
    expect(state((await client.ask(lazy)).rooms[room])).toEqual([member(carol)]);
    // The answer was lost: she comes again.
    const again = await client.ask(lazy, before === undefined ? {} : { pos: before });
    expect(state(again.rooms[room])).toEqual([member(carol)]);
    await say(carol, room, 'known by now');
    expect(state((await client.ask(lazy)).rooms[room])).toEqual([]);
  });

  it('are named by heroes where they have no name', async () => {
    const alice = await newUser();
    const bob = await newUser();
    await bob.ok('PUT', `${v3}/profile/${enc(bob.userId)}/displayname`, { displayname: 'Bob' });
    const room = await makeRoom(alice);
    await join(bob, room);
    const client = new SlidingClient(alice);
    const { rooms } = await client.ask(list());
    expect(rooms[room].heroes).toEqual([{ user_id: bob.userId, displayname: 'Bob' }]);
    expect(rooms[room].joined_count).toBe(2);
    await bob.ok('POST', `${v3}/rooms/${enc(room)}/leave`, {});
    expect((await client.ask(list())).rooms[room]).toMatchObject({ joined_count: 1 });
  });

  it('are told of from the invite to the end', async () => {
    const alice = await newUser();
    const bob = await newUser();
    const room = await makeRoom(alice, { preset: 'private_chat', name: 'Come in' });
    const client = new SlidingClient(bob);
    expect((await client.ask(list())).rooms).toEqual({});
    await alice.ok('POST', `${v3}/rooms/${enc(room)}/invite`, { user_id: bob.userId });
    const invited = (await client.ask(list())).rooms[room];
    expect(invited.initial).toBe(true);
    expect(invited.timeline).toBeUndefined();
    expect(invited.invite_state.map(({ type }: { type: string }) => type)).toContain('m.room.name');
    await join(bob, room);
    const joined = (await client.ask(list())).rooms[room];
    expect(joined).toMatchObject({ initial: true, name: 'Come in', joined_count: 2 });
    const kick = { user_id: bob.userId, reason: 'enough' };
    await alice.ok('POST', `${v3}/rooms/${enc(room)}/kick`, kick);
    await say(alice, room, 'not for him');
    const kicked = (await client.ask(list())).rooms[room];
    expect(kicked.timeline.at(-1)).toMatchObject({ type: 'm.room.member', content: { membership: 'leave' } });
    expect(JSON.stringify(kicked)).not.toContain('not for him');
    expect((await client.ask(list())).rooms).toEqual({});
    // Of those one was removed from, a new connection tells as well; of those one left, it does not.
    expect(Object.keys((await new SlidingClient(bob).ask(list())).rooms)).toEqual([room]);
    const own = await makeRoom(bob);
    await bob.ok('POST', `${v3}/rooms/${enc(own)}/leave`, {});
    expect(Object.keys((await new SlidingClient(bob).ask(list())).rooms)).toEqual([room]);
  });
});

describe('connections', () => {
  it('repeat an answer that was lost, and go on from either', async () => {
    const alice = await newUser();
    const room = await makeRoom(alice);
    const client = new SlidingClient(alice, 'main');
    const { pos } = await client.ask(list([[0, 0]]));
    const id = await say(alice, room, 'once');
    expect(ids((await client.ask(list([[0, 0]]))).rooms[room])).toEqual([id]);
    expect(ids((await client.ask(list([[0, 0]]), { pos })).rooms[room])).toEqual([id]);
    expect((await client.ask(list([[0, 0]]))).rooms).toEqual({});
  });

  it('are of one device and one name, and end with M_UNKNOWN_POS', async () => {
    const alice = await newUser();
    const other = await server.login(alice);
    await makeRoom(alice);
    const { pos } = await new SlidingClient(alice, 'one').ask(list());
    const refused = async (user: TestUser, body: object, given: string) => {
      const answer = await user.request('POST', `${UNSTABLE}?pos=${enc(given)}`, { body });
      return [answer.status, answer.body.errcode];
    };
    const unknown = [400, 'M_UNKNOWN_POS'];
    expect(await refused(alice, { ...list(), conn_id: 'two' }, pos)).toEqual(unknown);
    expect(await refused(other, { ...list(), conn_id: 'one' }, pos)).toEqual(unknown);
    expect(await refused(alice, { ...list(), conn_id: 'one' }, 'nonsense')).toEqual(unknown);
    expect(await refused(alice, { ...list(), conn_id: 'one' }, `${pos}x`)).toEqual(unknown);
    expect(await refused(alice, { ...list(), conn_id: 'one' }, `s99999999~${pos.split('~')[1]}`)).toEqual(
      unknown,
    );
  });

  it('are known to every process, and bounded in number', async () => {
    await using second = await createTestServer({ sameAs: server });
    const alice = await newUser();
    const room = await makeRoom(alice);
    const { pos } = await new SlidingClient(alice, 'c').ask(list());
    const id = await say(alice, room, 'elsewhere');
    const answer = await second.request('POST', `${UNSTABLE}?timeout=10000&pos=${enc(pos)}`, {
      token: alice.token,
      body: { ...list(), conn_id: 'c' },
    });
    expect(ids(answer.body.rooms[room])).toEqual([id]);
    expect(answer.body.rooms[room].initial).toBeUndefined();
    for (let n = 0; n < 30; n++) await new SlidingClient(alice, `c${n}`).ask(list());
    const rows = server.server.context.foundation.db.collection('slidingConnections');
    expect(await rows.countDocuments({ user: alice.userId })).toBe(20);
  });

  it('wait for news, and for no longer than they are told to', async () => {
    const alice = await newUser();
    const bob = await newUser();
    const room = await makeRoom(alice);
    await join(bob, room);
    const client = new SlidingClient(bob);
    await client.ask(list());
    expect((await client.ask(list(), { timeout: 50 })).rooms).toEqual({});
    const waiting = client.ask(list(), { timeout: 30_000 });
    const id = await say(alice, room, 'wake up');
    expect(ids((await waiting).rooms[room])).toEqual([id]);
    // What is asked for anew does not wait.
    const more = await client.ask(list([[0, 99]], { state: [['m.room.create', '']] }), { timeout: 30_000 });
    expect(state(more.rooms[room])).toEqual(['m.room.create|']);
  });

  it('refuse what is none', async () => {
    const alice = await newUser();
    const lists = Object.fromEntries(
      Array.from({ length: 101 }, (_, n) => [`l${n}`, { timeline_limit: 1, required_state: [] }]),
    );
    const cases = [
      [{ lists: { a: { ranges: [[0, 1]], required_state: [] } } }, 'M_MISSING_PARAM'],
      [{ lists: { a: { ranges: [[0]], timeline_limit: 1, required_state: [] } } }, 'M_BAD_JSON'],
      [{ lists: { a: { ranges: [[-1, 1]], timeline_limit: 1 } } }, 'M_BAD_JSON'],
      [{ lists: { a: { timeline_limit: 1, required_state: [['m.room.name']] } } }, 'M_BAD_JSON'],
      [{ lists }, 'M_INVALID_PARAM'],
      [{ conn_id: 7 }, 'M_BAD_JSON'],
    ] as const;
    for (const [body, errcode] of cases) {
      const answer = await alice.request('POST', UNSTABLE, { body });
      expect([answer.status, answer.body.errcode]).toEqual([400, errcode]);
    }
    const presence = await alice.request('POST', STABLE, { body: { set_presence: 'asleep' } });
    expect([presence.status, presence.body.errcode]).toEqual([400, 'M_INVALID_PARAM']);
  });
});

it('tells beside rooms what its extensions are asked for', async () => {
  const alice = await newUser();
  const bob = await newUser();
  const room = await makeRoom(alice);
  await join(bob, room);
  const id = await say(alice, room, 'read me');
  const on = { enabled: true };
  const extensions = { to_device: on, e2ee: on, account_data: on, receipts: on, typing: on };
  const asked = list([[0, 99]], { extensions });
  const client = new SlidingClient(alice);
  const first = (await client.ask(asked)).extensions;
  expect(first.to_device).toEqual({ next_batch: expect.any(String), events: [] });
  expect(first.e2ee).toMatchObject({ device_one_time_keys_count: expect.any(Object) });
  expect(first.e2ee.device_lists).toBeUndefined();
  expect(first.account_data.global.map(({ type }: { type: string }) => type)).toContain('m.push_rules');

  await bob.ok('POST', `${v3}/rooms/${enc(room)}/receipt/m.read/${enc(id)}`, {});
  const receipts = await client.ask(asked, { timeout: 10_000 });
  expect(receipts.extensions.receipts.rooms[room].content[id]['m.read'][bob.userId]).toBeDefined();

  await bob.ok('PUT', `${v3}/rooms/${enc(room)}/typing/${enc(bob.userId)}`, { typing: true, timeout: 9_000 });
  const typing = await client.ask(asked, { timeout: 10_000 });
  expect(typing.extensions.typing.rooms[room].content).toEqual({ user_ids: [bob.userId] });

  const tag = `${v3}/user/${enc(alice.userId)}/rooms/${enc(room)}/tags/u.work`;
  await alice.ok('PUT', tag, { order: 0.5 });
  const tagged = await client.ask(asked, { timeout: 10_000 });
  expect(tagged.extensions.account_data.rooms[room]).toEqual([
    { type: 'm.tag', content: { tags: { 'u.work': { order: 0.5 } } } },
  ]);

  const carol = await newUser();
  await join(carol, room);
  const met = await client.ask(asked, { timeout: 10_000 });
  expect(met.extensions.e2ee.device_lists.changed).toContain(carol.userId);

  const message = { messages: { [alice.userId]: { [alice.deviceId]: { n: 1 } } } };
  await bob.ok('PUT', `${v3}/sendToDevice/m.test/td`, message);
  const sent = await client.ask(asked, { timeout: 10_000 });
  expect(sent.extensions.to_device.events).toEqual([
    { sender: bob.userId, type: 'm.test', content: { n: 1 } },
  ]);
  // They come until the client says what it has.
  const repeated = await client.ask(asked);
  expect(repeated.extensions.to_device.events.length).toBe(1);
  const { next_batch: since } = repeated.extensions.to_device;
  const after = list([[0, 99]], { extensions: { ...extensions, to_device: { enabled: true, since } } });
  expect((await client.ask(after)).extensions.to_device.events).toEqual([]);
  expect((await client.ask(asked)).extensions.to_device.events).toEqual([]);
  // A new connection is told of the room's own data with the room.
  const fresh = (await new SlidingClient(alice, 'fresh').ask(asked)).extensions;
  expect(fresh.receipts.rooms[room].content[id]).toBeDefined();
  expect(fresh.account_data.rooms[room].map(({ type }: { type: string }) => type)).toContain('m.tag');
});

it('speaks the words of the merged proposal', async () => {
  const alice = await newUser();
  const bob = await newUser();
  const room = await makeRoom(alice, { name: 'Stable' });
  await join(bob, room);
  let pos: string | undefined;
  const ask = async (body: object): Promise<Answer> => {
    const answer = await alice.request('POST', STABLE, {
      body: { conn_id: 'main', ...(pos === undefined ? {} : { pos }), ...body },
    });
    expect(answer.status, JSON.stringify(answer.body)).toBe(200);
    pos = answer.body.pos;
    return answer.body;
  };
  const rule = (required: object, limit = 1) => ({
    lists: { all: { range: [0, 9], timeline_limit: limit, required_state: required } },
  });
  const lazily = { include: [{}], exclude: [{ type: 'm.room.create' }], lazy_members: true };
  const first = (await ask(rule(lazily))).rooms[room];
  expect(first).toMatchObject({ initial: true, membership: 'join', lists: ['all'], name: 'Stable' });
  expect(first.is_dm).toBeUndefined();
  const told = state(first);
  expect(told).toContain('m.room.name|');
  expect(told).not.toContain('m.room.create|');
  // The newest event is bob's: he is the member that the timeline needs.
  expect(told.filter((name) => name.startsWith('m.room.member'))).toEqual([`m.room.member|${bob.userId}`]);
  await say(alice, room, 'one');
  const expanded = (await ask(rule(lazily, 3))).rooms[room];
  expect(expanded).toMatchObject({ expanded_timeline: true, num_live: 1, is_dm: false });
  await setState(alice, room, 'm.room.name', {});
  expect((await ask(rule(lazily, 3))).rooms[room]).toMatchObject({ name: null, is_dm: false });
  const { body: versions } = await server.request('GET', '/_matrix/client/versions');
  expect(versions.unstable_features['org.matrix.simplified_msc3575']).toBe(true);
  // Its `pos` is a place to page from.
  const page = await alice.ok('GET', `${v3}/rooms/${enc(room)}/messages?dir=b&limit=1&from=${pos ?? ''}`);
  expect(page.chunk[0].type).toBe('m.room.name');
  const { lists } = await ask({ lists: { all: { timeline_limit: 0, required_state: {} } } });
  expect(lists).toEqual({ all: { count: 1 } });
});
