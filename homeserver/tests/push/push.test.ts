import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type { TestServer, TestUser } from '../../src/testing/create-test-server.ts';
import { createTestServer } from '../../src/testing/create-test-server.ts';
import type { Gateway } from './gateway.ts';
import { pusherFor, startGateway } from './gateway.ts';

let server: TestServer;
let gateway: Gateway;
/** Moves the server's clock ahead, in ms. */
let ahead = 0;
const platform = { clock: { now: () => Date.now() + ahead } };
beforeAll(async () => {
  server = await createTestServer({ platform });
});
afterAll(() => server.close());
beforeEach(async () => {
  gateway = await startGateway();
});
afterEach(() => gateway[Symbol.asyncDispose]());

const V3 = '/_matrix/client/v3';
let names = 0;
const WAIT = { timeout: 20_000 };

/** Two users in a room of their own: messages to the first notify. */
const conversation = async (): Promise<{ alice: TestUser; bob: TestUser; room: string }> => {
  names += 1;
  const alice = await server.register(`alice${names}`);
  const bob = await server.register(`bob${names}`);
  await bob.ok('PUT', `${V3}/profile/${bob.userId}/displayname`, { displayname: 'Bob' });
  const { room_id: room } = (await bob.ok('POST', `${V3}/createRoom`, {
    preset: 'trusted_private_chat',
    name: 'Talk',
    invite: [alice.userId],
  })) as { room_id: string };
  await alice.ok('POST', `${V3}/join/${encodeURIComponent(room)}`, {});
  return { alice, bob, room };
};

const say = async (user: TestUser, room: string, body: string, more = {}): Promise<string> => {
  names += 1;
  const path = `${V3}/rooms/${encodeURIComponent(room)}/send/m.room.message/t${names}`;
  const { event_id: id } = (await user.ok('PUT', path, { msgtype: 'm.text', body, ...more })) as {
    event_id: string;
  };
  return id;
};

const read = (user: TestUser, room: string, event: string) =>
  user.ok('POST', `${V3}/rooms/${encodeURIComponent(room)}/receipt/m.read/${encodeURIComponent(event)}`, {});

const set = (user: TestUser, more: Record<string, unknown> = {}) =>
  user.ok('POST', `${V3}/pushers/set`, pusherFor(gateway, more));

const listed = async (user: TestUser): Promise<{ pushkey: string; app_id: string }[]> =>
  (await user.ok('GET', `${V3}/pushers`)).pushers as { pushkey: string; app_id: string }[];

it('tells the gateway of a message, with everything, and of the badge when it was read', async () => {
  const { alice, bob, room } = await conversation();
  await set(alice);
  const id = await say(bob, room, `hello ${alice.userId}`, { 'm.mentions': { user_ids: [alice.userId] } });
  await expect.poll(() => gateway.told.length, WAIT).toBe(1);
  expect(gateway.told[0]).toEqual({
    event_id: id,
    room_id: room,
    type: 'm.room.message',
    sender: bob.userId,
    sender_display_name: 'Bob',
    room_name: 'Talk',
    prio: 'high',
    content: {
      msgtype: 'm.text',
      body: `hello ${alice.userId}`,
      'm.mentions': { user_ids: [alice.userId] },
    },
    counts: { unread: 1 },
    devices: [
      {
        app_id: 'chat.example.app',
        pushkey: 'key-of-the-phone',
        pushkey_ts: expect.any(Number) as number,
        data: { brand: 'x' },
        tweaks: { sound: 'default', highlight: true },
      },
    ],
  });
  expect(gateway.told[0].devices[0].pushkey_ts).toBeLessThan(1e11);
  const second = await say(bob, room, 'again');
  await expect.poll(() => gateway.told.length, WAIT).toBe(2);
  expect(gateway.told[1].counts).toEqual({ unread: 2 });
  await read(alice, room, second);
  await expect.poll(() => gateway.told.length, WAIT).toBe(3);
  expect(gateway.told[2]).toEqual({
    counts: {},
    devices: [expect.objectContaining({ pushkey: 'key-of-the-phone' })],
  });
});

it('says no more than where the event is with event_id_only, and tells of invites', async () => {
  const { alice, bob, room } = await conversation();
  await set(alice, { data: { url: gateway.url, format: 'event_id_only' } });
  const id = await say(bob, room, 'a secret');
  await expect.poll(() => gateway.told.length, WAIT).toBe(1);
  const { devices, ...rest } = gateway.told[0];
  expect(rest).toEqual({ event_id: id, room_id: room, prio: expect.any(String), counts: { unread: 1 } });
  expect(devices).toEqual([
    {
      app_id: 'chat.example.app',
      pushkey: 'key-of-the-phone',
      pushkey_ts: expect.any(Number),
      data: { format: 'event_id_only' },
    },
  ]);
  const { room_id: other } = (await bob.ok('POST', `${V3}/createRoom`, { invite: [alice.userId] })) as {
    room_id: string;
  };
  await expect.poll(() => gateway.told.at(-1)?.room_id as string, WAIT).toBe(other);
});

it('honours rules and ignore lists, and never tells of own messages', async () => {
  const { alice, bob, room } = await conversation();
  const { room_id: muted } = (await bob.ok('POST', `${V3}/createRoom`, {
    preset: 'trusted_private_chat',
    invite: [alice.userId],
  })) as { room_id: string };
  await alice.ok('POST', `${V3}/join/${encodeURIComponent(muted)}`, {});
  await alice.ok('PUT', `${V3}/pushrules/global/room/${encodeURIComponent(muted)}`, { actions: [] });
  await set(alice);
  await set(bob, { pushkey: 'key of bob' });
  await say(bob, muted, 'unheard');
  const heard = await say(bob, room, 'heard');
  await expect.poll(() => gateway.told.map((one) => one.event_id as string), WAIT).toEqual([heard]);
  await alice.ok('PUT', `${V3}/user/${alice.userId}/account_data/m.ignored_user_list`, {
    ignored_users: { [bob.userId]: {} },
  });
  await say(bob, room, 'from an ignored user');
  // What the other way brings comes after it in the stream, so nothing more is under way.
  const answer = await say(alice, room, 'answer');
  await expect.poll(() => gateway.told.map((one) => one.event_id as string), WAIT).toEqual([heard, answer]);
  expect(gateway.told[1].devices[0].pushkey).toBe('key of bob');
  const counts = (await alice.ok('GET', `${V3}/sync?timeout=0`)).rooms.join[room].unread_notifications;
  expect(counts).toEqual({ notification_count: 0, highlight_count: 0 });
});

it('tries again with growing pauses, in order, and forgets what is too old', async () => {
  const { alice, bob, room } = await conversation();
  await set(alice);
  gateway.answer = { status: 502 };
  const first = await say(bob, room, 'first');
  await expect.poll(() => gateway.told.length, WAIT).toBe(1);
  const second = await say(bob, room, 'second');
  ahead += 60_000;
  await expect.poll(() => gateway.told.length, WAIT).toBeGreaterThan(1);
  expect(new Set(gateway.told.map((one) => one.event_id as string))).toEqual(new Set([first]));
  gateway.answer = {};
  ahead += 3_600_000;
  await expect
    .poll(() => gateway.told.slice(-2).map((one) => one.event_id as string), WAIT)
    .toEqual([first, second]);
  gateway.answer = { status: 500 };
  const lost = await say(bob, room, 'lost');
  await expect.poll(() => gateway.told.at(-1)?.event_id as string, WAIT).toBe(lost);
  const before = gateway.told.length;
  gateway.answer = {};
  ahead += 25 * 3_600_000;
  const kept = await say(bob, room, 'kept');
  await expect.poll(() => gateway.told.at(-1)?.event_id as string, WAIT).toBe(kept);
  expect(gateway.told).toHaveLength(before + 1);
});

it('removes a pusher whose pushkey is rejected', async () => {
  const { alice, bob, room } = await conversation();
  await set(alice);
  await set(alice, { pushkey: 'another' });
  gateway.answer = { rejected: ['key-of-the-phone'] };
  await say(bob, room, 'hello');
  await expect
    .poll(async () => (await listed(alice)).map(({ pushkey }) => pushkey), WAIT)
    .toEqual(['another']);
});

it('sets, changes, moves and removes pushers', async () => {
  const { alice, bob } = await conversation();
  expect(await listed(alice)).toEqual([]);
  await set(alice, { profile_tag: 'tag' });
  const { append: _append, ...shown } = { append: false, ...pusherFor(gateway), profile_tag: 'tag' };
  expect(await listed(alice)).toEqual([shown]);
  await set(alice, { lang: 'de' });
  expect(await listed(alice)).toEqual([{ ...pusherFor(gateway), lang: 'de' }]);
  await set(bob, { append: true });
  expect([(await listed(alice)).length, (await listed(bob)).length]).toEqual([1, 1]);
  await set(bob);
  expect([(await listed(alice)).length, (await listed(bob)).length]).toEqual([0, 1]);
  const gone = { kind: null, app_id: 'chat.example.app', pushkey: 'key-of-the-phone' };
  await bob.ok('POST', `${V3}/pushers/set`, gone);
  await bob.ok('POST', `${V3}/pushers/set`, gone);
  expect(await listed(bob)).toEqual([]);
});

it('removes the pushers of devices that are logged out, and of a session that was replaced', async () => {
  const { alice, bob, room } = await conversation();
  const phone = await server.login(alice, 'PHONE');
  await set(phone);
  await set(alice, { pushkey: 'of the tablet' });
  await server.login(alice, 'PHONE');
  const id = await say(bob, room, 'hello');
  await expect
    .poll(() => gateway.told.map((one) => one.devices[0].pushkey as string), WAIT)
    .toEqual(['of the tablet']);
  expect(gateway.told[0].event_id).toBe(id);
  await expect.poll(async () => (await listed(alice)).length, WAIT).toBe(1);
  const other = await server.login(alice, 'OTHER');
  await alice.ok('POST', `${V3}/logout`, {});
  expect(await listed(other)).toEqual([]);
});

it.each([
  ['no kind', { kind: undefined }, 'M_MISSING_PARAM'],
  ['no names', { app_display_name: undefined, lang: undefined }, 'M_MISSING_PARAM'],
  ['no data', { data: undefined }, 'M_MISSING_PARAM'],
  ['no address', { data: {} }, 'M_MISSING_PARAM'],
  ['an e-mail pusher', { kind: 'email' }, 'M_INVALID_PARAM'],
  ['another path', { data: { url: 'https://push.example/notify' } }, 'M_INVALID_PARAM'],
  ['no URL', { data: { url: 'nonsense' } }, 'M_INVALID_PARAM'],
  ['a file', { data: { url: 'file:///_matrix/push/v1/notify' } }, 'M_INVALID_PARAM'],
  ['a long pushkey', { pushkey: 'x'.repeat(513) }, 'M_INVALID_PARAM'],
  ['a long app id', { app_id: 'x'.repeat(65) }, 'M_INVALID_PARAM'],
  ['data that is no object', { data: 'x' }, 'M_BAD_JSON'],
])('refuses a pusher with %s', async (_what, change, errcode) => {
  const { alice } = await conversation();
  const body = pusherFor(gateway, change);
  const answer = await alice.request('POST', `${V3}/pushers/set`, { body });
  expect([answer.status, answer.body.errcode]).toEqual([400, errcode]);
});

it('limits how many pushers a user has', async () => {
  const { alice } = await conversation();
  for (let count = 0; count < 100; count += 1) await set(alice, { pushkey: `key ${count}` });
  const answer = await alice.request('POST', `${V3}/pushers/set`, {
    body: pusherFor(gateway, { pushkey: 'one more' }),
  });
  expect(answer.status).toBe(400);
  await set(alice, { pushkey: 'key 7' });
});

it('lists what a user was notified of, page by page', async () => {
  const { alice, bob, room } = await conversation();
  const first = await say(bob, room, 'one');
  const { room_id: other } = (await bob.ok('POST', `${V3}/createRoom`, {
    preset: 'trusted_private_chat',
    invite: [alice.userId],
  })) as { room_id: string };
  await alice.ok('POST', `${V3}/join/${encodeURIComponent(other)}`, {});
  const second = await say(bob, other, 'two', { 'm.mentions': { user_ids: [alice.userId] } });
  const third = await say(bob, room, 'three');
  await say(alice, room, 'mine');
  await read(alice, other, second);
  type Page = {
    notifications: { event: { event_id: string; type: string }; read: boolean }[];
    next_token?: string;
  };
  const page = (query: string) => alice.ok('GET', `${V3}/notifications?${query}`) as Promise<Page>;
  const newest = await page('limit=2');
  expect(newest.notifications.map(({ event, read: isRead }) => [event.event_id, isRead])).toEqual([
    [third, false],
    [second, true],
  ]);
  const rest: Page['notifications'] = [];
  for (let next = newest.next_token, pages = 0; next !== undefined && pages < 20; pages += 1) {
    const one = await page(`limit=1&from=${next}`);
    rest.push(...one.notifications);
    next = one.next_token;
  }
  // Between and before them are the invites.
  expect(rest.map(({ event }) => event.type)).toEqual(['m.room.member', 'm.room.message', 'm.room.member']);
  expect(rest[1]?.event.event_id).toBe(first);
  const highlights = await page('only=highlight');
  expect(highlights.notifications.map(({ event }) => event.event_id)).toEqual([second]);
  expect(highlights.next_token).toBeUndefined();
  const bad = await alice.request('GET', `${V3}/notifications?from=nonsense`);
  expect([bad.status, bad.body.errcode]).toEqual([400, 'M_INVALID_PARAM']);
});

it('does not reach private addresses, nor gateways without TLS, unless they are allowed', async () => {
  await using guarded = await createTestServer({ config: { federation: { allowPrivateAddresses: false } } });
  const [alice, bob] = [await guarded.register('alice'), await guarded.register('bob')];
  const plain = await alice.request('POST', `${V3}/pushers/set`, { body: pusherFor(gateway) });
  expect([plain.status, plain.body.errcode]).toEqual([400, 'M_INVALID_PARAM']);
  const url = gateway.url.replace('http:', 'https:');
  await alice.ok('POST', `${V3}/pushers/set`, pusherFor(gateway, { data: { url } }));
  const { room_id: room } = (await bob.ok('POST', `${V3}/createRoom`, {
    preset: 'trusted_private_chat',
    invite: [alice.userId],
  })) as { room_id: string };
  await say(bob, room, 'hello');
  const refusals = () =>
    guarded.logLines.filter(({ msg, err }) => {
      const { message = '' } = (err ?? {}) as { message?: string };
      return msg === 'the push gateway does not take notifications' && message.includes('deny-list');
    });
  await expect.poll(() => refusals().length, WAIT).toBeGreaterThan(0);
});

it('sends nothing when push is switched off', async () => {
  await using silent = await createTestServer({ config: { push: { enabled: false } } });
  const [alice, bob] = [await silent.register('alice'), await silent.register('bob')];
  await set(alice);
  const { room_id: room } = (await bob.ok('POST', `${V3}/createRoom`, {
    preset: 'trusted_private_chat',
    invite: [alice.userId],
  })) as { room_id: string };
  await say(bob, room, 'hello');
  await silent.close();
  expect(gateway.told).toEqual([]);
});

it('is told once of each event when two processes serve the same users', async () => {
  await using second = await createTestServer({ sameAs: server, platform });
  const { alice, bob, room } = await conversation();
  await set(alice);
  const ids: string[] = [];
  for (let count = 0; count < 10; count += 1) {
    const at = count % 2 === 0 ? server.url : second.url;
    const path = `${at}${V3}/rooms/${encodeURIComponent(room)}/send/m.room.message/both${count}`;
    const answer = await fetch(path, {
      method: 'PUT',
      headers: { authorization: `Bearer ${bob.token}` },
      body: JSON.stringify({ msgtype: 'm.text', body: `${count}` }),
    });
    ids.push(((await answer.json()) as { event_id: string }).event_id);
  }
  await expect.poll(() => gateway.told.length, WAIT).toBe(10);
  expect(gateway.told.map((one) => one.event_id as string)).toEqual(ids);
});
