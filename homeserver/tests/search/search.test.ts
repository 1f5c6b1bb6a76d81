import { afterAll, beforeAll, expect, it } from 'vitest';
import type { TestServer, TestUser } from '../../src/testing/create-test-server.ts';
import { createTestServer } from '../../src/testing/create-test-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await createTestServer();
});
afterAll(() => server.close());

const V3 = '/_matrix/client/v3';
let count = 0;
const path = (room: string): string => `${V3}/rooms/${encodeURIComponent(room)}`;

const newUser = (name: string): Promise<TestUser> => {
  count += 1;
  return server.register(`${name}${count}`);
};

const newRoom = async (user: TestUser, more: Record<string, unknown> = {}): Promise<string> => {
  const { room_id: room } = (await user.ok('POST', `${V3}/createRoom`, {
    preset: 'private_chat',
    ...more,
  })) as { room_id: string };
  return room;
};

const say = async (user: TestUser, room: string, body: string, more = {}): Promise<string> => {
  count += 1;
  const sent = `${path(room)}/send/m.room.message/t${count}`;
  const { event_id: id } = (await user.ok('PUT', sent, { msgtype: 'm.text', body, ...more })) as {
    event_id: string;
  };
  return id;
};

type Found = {
  count: number;
  highlights: string[];
  results: { rank: number; result: { event_id: string }; context?: Record<string, unknown> }[];
  next_batch?: string;
  groups?: Record<string, Record<string, { results: string[]; next_batch?: string; order: number }>>;
  state?: Record<string, { type: string }[]>;
};

const search = async (
  user: TestUser,
  term: string,
  more: Record<string, unknown> = {},
  batch?: string,
): Promise<Found> => {
  const query = batch === undefined ? '' : `?next_batch=${batch}`;
  const answer = (await user.ok('POST', `${V3}/search${query}`, {
    search_categories: { room_events: { search_term: term, ...more } },
  })) as { search_categories: { room_events: Found } };
  return answer.search_categories.room_events;
};

const ids = ({ results }: Found): string[] => results.map(({ result }) => result.event_id);

it('finds messages, names and topics by their words, best or newest first', async () => {
  const alice = await newUser('alice');
  const room = await newRoom(alice, { name: 'Zebra crossing', topic: 'All about zebras and a ZEBRA' });
  const brief = await say(alice, room, 'Zébra!');
  const long = await say(alice, room, `a zebra among many other words: ${'word '.repeat(50)}`);
  await say(alice, room, 'nothing of it');
  const recent = await search(alice, 'zebra', { order_by: 'recent', keys: ['content.body'] });
  expect(ids(recent)).toEqual([long, brief]);
  expect([recent.count, recent.highlights]).toEqual([2, ['zebra']]);
  const ranked = await search(alice, 'zebra', { keys: ['content.body'] });
  expect(ids(ranked)).toEqual([brief, long]);
  expect(ranked.results[0]?.rank).toBeGreaterThan(ranked.results[1]?.rank ?? 1);
  expect((await search(alice, 'zebra')).count).toBe(4);
  expect((await search(alice, 'zebra crossing', { keys: ['content.name'] })).count).toBe(1);
  expect((await search(alice, 'zebra many')).count).toBe(1);
  expect((await search(alice, 'unheard')).results).toEqual([]);
});

it('shows only what a user may see, wherever they were', async () => {
  const [alice, bob, eve] = [await newUser('alice'), await newUser('bob'), await newUser('eve')];
  const room = await newRoom(alice, {
    invite: [bob.userId],
    initial_state: [
      { type: 'm.room.history_visibility', state_key: '', content: { history_visibility: 'joined' } },
    ],
  });
  await say(alice, room, 'mango before');
  await bob.ok('POST', `${path(room)}/join`, {});
  const during = await say(alice, room, 'mango during');
  await bob.ok('POST', `${path(room)}/leave`, {});
  await say(alice, room, 'mango after');
  expect((await search(alice, 'mango')).count).toBe(3);
  const seen = await search(bob, 'mango');
  expect([ids(seen), seen.count]).toEqual([[during], 1]);
  expect(await search(eve, 'mango')).toMatchObject({ count: 0, results: [] });
  await alice.ok('PUT', `${path(room)}/redact/${encodeURIComponent(during)}/r1`, {});
  expect((await search(bob, 'mango')).count).toBe(0);
  await alice.ok('PUT', `${V3}/user/${alice.userId}/account_data/m.ignored_user_list`, {
    ignored_users: { [alice.userId]: {}, [bob.userId]: {} },
  });
  expect((await search(alice, 'mango')).count).toBe(2);
});

it('pages, filters and groups', async () => {
  const [alice, bob] = [await newUser('alice'), await newUser('bob')];
  const room = await newRoom(alice, { preset: 'public_chat' });
  const other = await newRoom(alice);
  await bob.ok('POST', `${path(room)}/join`, {});
  const sent: string[] = [];
  for (let number = 0; number < 7; number += 1)
    sent.push(await say(number % 2 === 0 ? alice : bob, room, `papaya ${number}`));
  const elsewhere = await say(alice, other, 'papaya in another room');
  const pages: string[] = [];
  let batch: string | undefined;
  for (let page = 0; page < 5; page += 1) {
    const found = await search(alice, 'papaya', { order_by: 'recent', filter: { limit: 3 } }, batch);
    pages.push(...ids(found));
    batch = found.next_batch;
    if (batch === undefined) break;
  }
  expect(pages).toEqual([elsewhere, ...sent.toReversed()]);
  const byBob = await search(alice, 'papaya', { filter: { senders: [bob.userId] } });
  expect(new Set(ids(byBob))).toEqual(new Set(sent.filter((_id, index) => index % 2 === 1)));
  const inOther = await search(alice, 'papaya', { filter: { rooms: [other] } });
  expect(ids(inOther)).toEqual([elsewhere]);
  const notThere = await search(alice, 'papaya', {
    filter: { not_rooms: [room], not_types: ['m.room.name'] },
  });
  expect(ids(notThere)).toEqual([elsewhere]);

  const grouped = await search(alice, 'papaya', {
    order_by: 'recent',
    filter: { limit: 4 },
    groupings: { group_by: [{ key: 'room_id' }, { key: 'sender' }] },
  });
  const group = grouped.groups?.room_id?.[room];
  expect(grouped.groups?.room_id?.[other]).toEqual({ order: 1, results: [elsewhere] });
  expect(group?.results).toEqual(sent.slice(-3).toReversed());
  const rest = await search(
    alice,
    'papaya',
    { order_by: 'recent', filter: { limit: 10 } },
    group?.next_batch,
  );
  expect(ids(rest)).toEqual(sent.slice(0, 4).toReversed());
  expect(Object.keys(grouped.groups?.sender ?? {}).sort()).toEqual([alice.userId, bob.userId].sort());
});

it('tells what is around a hit, and the state of its room', async () => {
  const alice = await newUser('alice');
  await alice.ok('PUT', `${V3}/profile/${alice.userId}/displayname`, { displayname: 'Alice' });
  const room = await newRoom(alice);
  const events: string[] = [];
  for (const body of ['one', 'two', 'guava', 'four', 'five']) events.push(await say(alice, room, body));
  const found = await search(alice, 'guava', {
    event_context: { before_limit: 1, after_limit: 2, include_profile: true },
    include_state: true,
  });
  const context = found.results[0]?.context as {
    events_before: { event_id: string }[];
    events_after: { event_id: string }[];
    start: string;
    end: string;
    profile_info: unknown;
  };
  expect(context.events_before.map((event) => event.event_id)).toEqual([events[1]]);
  expect(context.events_after.map((event) => event.event_id)).toEqual([events[3], events[4]]);
  expect(context.profile_info).toEqual({ [alice.userId]: { displayname: 'Alice' } });
  expect(found.state?.[room]?.map(({ type }) => type)).toContain('m.room.create');
  const earlier = (await alice.ok('GET', `${path(room)}/messages?dir=b&limit=1&from=${context.start}`)) as {
    chunk: { event_id: string }[];
  };
  expect(earlier.chunk.map((event) => event.event_id)).toEqual([events[0]]);
});

it.each([
  ['no categories', {}, 'M_MISSING_PARAM'],
  ['no term', { search_categories: { room_events: {} } }, 'M_MISSING_PARAM'],
  ['a term without words', { search_categories: { room_events: { search_term: '?!' } } }, 'M_INVALID_PARAM'],
  [
    'another order',
    { search_categories: { room_events: { search_term: 'x', order_by: 'y' } } },
    'M_BAD_JSON',
  ],
  [
    'another key',
    { search_categories: { room_events: { search_term: 'x', keys: ['sender'] } } },
    'M_BAD_JSON',
  ],
])('refuses a search with %s', async (_what, body, errcode) => {
  const alice = await newUser('alice');
  const answer = await alice.request('POST', `${V3}/search`, { body });
  expect([answer.status, answer.body.errcode]).toEqual([400, errcode]);
});

it('refuses unknown tokens, searches no category, and limits how often is searched', async () => {
  const alice = await newUser('alice');
  const body = { search_categories: { room_events: { search_term: 'x' } } };
  for (const token of ['nonsense', 'eyJzIjotMX0', 'x'.repeat(3_000)]) {
    const answer = await alice.request('POST', `${V3}/search?next_batch=${token}`, { body });
    expect([answer.status, answer.body.errcode]).toEqual([400, 'M_INVALID_PARAM']);
  }
  expect(await alice.ok('POST', `${V3}/search`, { search_categories: {} })).toEqual({
    search_categories: {},
  });
  await using limited = await createTestServer({
    config: { rateLimits: { enabled: true, search: { perSecond: 0.001, burst: 2 } } },
  });
  const bob = await limited.register('bob');
  const term = { search_term: 'bob' };
  await bob.ok('POST', `${V3}/search`, body);
  await bob.ok('POST', `${V3}/user_directory/search`, term);
  for (const [route, sent] of [
    ['search', body],
    ['user_directory/search', term],
  ] as const) {
    const answer = await bob.request('POST', `${V3}/${route}`, { body: sent });
    expect([answer.status, answer.body.errcode]).toEqual([429, 'M_LIMIT_EXCEEDED']);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  }
});

it('says so when search is switched off', async () => {
  await using off = await createTestServer({ config: { rooms: { search: false } } });
  const alice = await off.register('alice');
  const answer = await alice.request('POST', `${V3}/search`, {
    body: { search_categories: { room_events: { search_term: 'x' } } },
  });
  expect([answer.status, answer.body.errcode]).toEqual([400, 'M_UNKNOWN']);
});
