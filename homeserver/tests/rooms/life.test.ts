import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestServer, type TestServer, type TestUser } from '../../src/testing/create-test-server.ts';

const v3 = '/_matrix/client/v3';
const v1 = '/_matrix/client/v1';

let server: TestServer;
let alice: TestUser;
let bob: TestUser;

beforeAll(async () => {
  server = await createTestServer();
  alice = await server.register('alice');
  bob = await server.register('bob');
});
afterAll(() => server.close());

type Event = {
  readonly type: string;
  readonly event_id: string;
  readonly content: Record<string, unknown>;
  readonly unsigned: Record<string, Record<string, unknown>>;
};

const enc = encodeURIComponent;
const sync = (user: TestUser, query: Record<string, string> = {}) =>
  user.ok('GET', `${v3}/sync?${new URLSearchParams(query).toString()}`);
let txn = 0;
const send = async (
  user: TestUser,
  room: string,
  content: object,
  type = 'm.room.message',
): Promise<string> =>
  (await user.ok('PUT', `${v3}/rooms/${enc(room)}/send/${type}/t${(txn += 1)}`, content)).event_id;
const text = (body: string, more: object = {}) => ({ msgtype: 'm.text', body, ...more });
const shared = async (options: object = {}): Promise<string> => {
  const { room_id: room } = await alice.ok('POST', `${v3}/createRoom`, { invite: [bob.userId], ...options });
  await bob.ok('POST', `${v3}/rooms/${enc(room)}/join`, {});
  return room;
};

it('counts what is unread, by thread, until it is read', async () => {
  const room = await shared();
  const filter = JSON.stringify({ room: { timeline: { unread_thread_notifications: true } } });
  const root = await send(alice, room, text('one'));
  const { next_batch: since } = await sync(bob, { filter });
  const reply = await send(
    alice,
    room,
    text('two', { 'm.relates_to': { rel_type: 'm.thread', event_id: root } }),
  );
  await send(alice, room, text(`hello ${bob.userId}`, { 'm.mentions': { user_ids: [bob.userId] } }));
  const counted = (await sync(bob, { since, filter })).rooms.join[room];
  expect(counted.unread_notifications).toEqual({ notification_count: 2, highlight_count: 1 });
  expect(counted.unread_thread_notifications).toEqual({
    [root]: { notification_count: 1, highlight_count: 0 },
  });
  await bob.ok('POST', `${v3}/rooms/${enc(room)}/receipt/m.read/${enc(reply)}`, { thread_id: root });
  const read = (await sync(bob, { since, filter })).rooms.join[room];
  expect(read.unread_thread_notifications).toBeUndefined();
  expect(read.unread_notifications.notification_count).toBe(2);
  const seen = (await sync(alice)).rooms.join[room].ephemeral.events;
  expect(seen[0].content[reply]['m.read'][bob.userId].thread_id).toBe(root);
  await send(bob, room, text('I read all that'));
  expect((await sync(bob, { filter })).rooms.join[room].unread_notifications.notification_count).toBe(0);
});

it('shows who is typing and who is there, and keeps private receipts private', async () => {
  const room = await shared();
  const { next_batch: since } = await sync(alice);
  await bob.ok('PUT', `${v3}/rooms/${enc(room)}/typing/${enc(bob.userId)}`, {
    typing: true,
    timeout: 20_000,
  });
  const event = await send(alice, room, text('x'));
  await bob.ok('POST', `${v3}/rooms/${enc(room)}/receipt/m.read.private/${enc(event)}`, {});
  await bob.ok('PUT', `${v3}/presence/${enc(bob.userId)}/status`, { presence: 'online', status_msg: 'busy' });
  const told = await sync(alice, { since });
  expect(told.rooms.join[room].ephemeral.events).toEqual([
    { type: 'm.typing', content: { user_ids: [bob.userId] } },
  ]);
  const bobs = told.presence.events.filter(({ sender }: { sender: string }) => sender === bob.userId);
  expect(bobs).toMatchObject([{ content: { presence: 'online', status_msg: 'busy' } }]);
  expect(await alice.ok('GET', `${v3}/presence/${enc(bob.userId)}/status`)).toMatchObject({
    presence: 'online',
  });
  const own = (await sync(bob)).rooms.join[room].ephemeral.events;
  expect(own.some(({ content }: Event) => content[event] !== undefined)).toBe(true);
});

it('bundles edits, threads and references, and lists relations and threads', async () => {
  const room = await shared();
  const path = `${v1}/rooms/${enc(room)}`;
  const first = await send(alice, room, text('frist'));
  const edit = await send(alice, room, {
    ...text('* first'),
    'm.new_content': text('first'),
    'm.relates_to': { rel_type: 'm.replace', event_id: first },
  });
  const reply = await send(
    bob,
    room,
    text('reply', { 'm.relates_to': { rel_type: 'm.thread', event_id: first } }),
  );
  const reaction = { 'm.relates_to': { rel_type: 'm.annotation', event_id: first, key: '👍' } };
  const liked = await send(bob, room, reaction, 'm.reaction');
  const again = await bob.request('PUT', `${v3}/rooms/${enc(room)}/send/m.reaction/again`, {
    body: reaction,
  });
  expect(again).toMatchObject({ status: 400, body: { errcode: 'M_DUPLICATE_ANNOTATION' } });
  const shown: Event = await bob.ok('GET', `${v3}/rooms/${enc(room)}/event/${enc(first)}`);
  const relations = shown.unsigned['m.relations'] as Record<string, Event & Record<string, unknown>>;
  expect(relations['m.replace']?.event_id).toBe(edit);
  expect(relations['m.thread']).toMatchObject({ count: 1, current_user_participated: true });
  const all = await bob.ok('GET', `${path}/relations/${enc(first)}`);
  expect(all.chunk.map(({ event_id: id }: Event) => id)).toEqual([liked, reply, edit]);
  const page = await bob.ok('GET', `${path}/relations/${enc(first)}?limit=2`);
  const rest = await bob.ok('GET', `${path}/relations/${enc(first)}?from=${page.next_batch}`);
  expect(rest.chunk.map(({ event_id: id }: Event) => id)).toEqual([edit]);
  const typed = await bob.ok('GET', `${path}/relations/${enc(first)}/m.annotation/m.reaction?dir=f`);
  expect(typed.chunk.map(({ event_id: id }: Event) => id)).toEqual([liked]);
  const threads = await bob.ok('GET', `${path}/threads?include=participated`);
  expect(threads.chunk.map(({ event_id: id }: Event) => id)).toEqual([first]);
  await bob.ok('PUT', `${v3}/rooms/${enc(room)}/redact/${enc(liked)}/r`, {});
  const left = await bob.ok('GET', `${path}/relations/${enc(first)}/m.annotation`);
  expect(left.chunk).toEqual([]);
});

it('finds events by time, with what is around them', async () => {
  const room = await shared();
  const ids: string[] = [];
  for (let n = 0; n < 9; n++) ids.push(await send(alice, room, text(`${n}`)));
  const context = await bob.ok('GET', `${v3}/rooms/${enc(room)}/context/${enc(ids[4] ?? '')}?limit=4`);
  expect(context.event.event_id).toBe(ids[4]);
  expect(context.events_before.map(({ event_id: id }: Event) => id)).toEqual([ids[3], ids[2]]);
  expect(context.events_after.map(({ event_id: id }: Event) => id)).toEqual([ids[5], ids[6]]);
  const { event } = context;
  const at = event.origin_server_ts;
  const found = await bob.ok('GET', `${v1}/rooms/${enc(room)}/timestamp_to_event?ts=${at}&dir=f`);
  expect(found.origin_server_ts).toBe(at);
  const none = await bob.request('GET', `${v1}/rooms/${enc(room)}/timestamp_to_event?ts=9999999999999&dir=f`);
  expect(none.status).toBe(404);
});

it('names, lists, describes, upgrades and forgets rooms', async () => {
  const room = await shared({
    preset: 'public_chat',
    visibility: 'public',
    room_alias_name: 'park',
    name: 'Park',
  });
  const alias = `#park:${server.config.server.name}`;
  expect((await bob.ok('GET', `${v3}/directory/room/${enc(alias)}`)).room_id).toBe(room);
  const taken = await bob.request('POST', `${v3}/createRoom`, { body: { room_alias_name: 'park' } });
  expect(taken.body.errcode).toBe('M_ROOM_IN_USE');
  const list = await bob.ok('POST', `${v3}/publicRooms`, { filter: { generic_search_term: 'PARK' } });
  expect(list.chunk).toMatchObject([{ room_id: room, num_joined_members: 2, canonical_alias: alias }]);
  const summary = await bob.ok('GET', `${v1}/room_summary/${enc(alias)}`);
  expect(summary).toMatchObject({ room_id: room, name: 'Park', membership: 'join', room_version: '12' });
  expect((await alice.ok('GET', `${v1}/mutual_rooms?user_id=${enc(bob.userId)}`)).joined).toContain(room);
  const { replacement_room: next } = await alice.ok('POST', `${v3}/rooms/${enc(room)}/upgrade`, {
    new_version: '11',
  });
  expect((await bob.ok('GET', `${v3}/directory/room/${enc(alias)}`)).room_id).toBe(next);
  const create = await alice.ok('GET', `${v3}/rooms/${enc(next)}/state/m.room.create/`);
  expect(create.predecessor.room_id).toBe(room);
  const early = await bob.request('POST', `${v3}/rooms/${enc(room)}/forget`, { body: {} });
  expect(early.status).toBe(400);
  await bob.ok('POST', `${v3}/rooms/${enc(room)}/leave`, {});
  await bob.ok('POST', `${v3}/rooms/${enc(room)}/forget`, {});
  const filter = JSON.stringify({ room: { include_leave: true } });
  expect((await sync(bob, { filter })).rooms?.leave?.[room]).toBeUndefined();
});

it('walks spaces, and lets members of one room into another', async () => {
  const { room_id: space } = await alice.ok('POST', `${v3}/createRoom`, {
    creation_content: { type: 'm.space' },
    preset: 'public_chat',
  });
  const { room_id: inner } = await alice.ok('POST', `${v3}/createRoom`, {
    name: 'Inner',
    initial_state: [
      {
        type: 'm.room.join_rules',
        content: { join_rule: 'restricted', allow: [{ type: 'm.room_membership', room_id: space }] },
      },
    ],
  });
  const child = { via: [server.config.server.name] };
  await alice.ok('PUT', `${v3}/rooms/${enc(space)}/state/m.space.child/${enc(inner)}`, child);
  const outside = await bob.request('POST', `${v3}/join/${enc(inner)}`, { body: {} });
  expect(outside.status).toBe(403);
  await bob.ok('POST', `${v3}/join/${enc(space)}`, {});
  const tree = await bob.ok('GET', `${v1}/rooms/${enc(space)}/hierarchy`);
  expect(tree.rooms.map(({ room_id: id }: { room_id: string }) => id)).toEqual([space, inner]);
  await bob.ok('POST', `${v3}/join/${enc(inner)}`, {});
  const member = await bob.ok('GET', `${v3}/rooms/${enc(inner)}/state/m.room.member/${enc(bob.userId)}`);
  expect(member.join_authorised_via_users_server).toBe(alice.userId);
});

it('hides those whom a user ignores', async () => {
  const room = await shared();
  const carol = await server.register('carol');
  await alice.ok('POST', `${v3}/rooms/${enc(room)}/invite`, { user_id: carol.userId });
  await carol.ok('POST', `${v3}/rooms/${enc(room)}/join`, {});
  await bob.ok('PUT', `${v3}/user/${enc(bob.userId)}/account_data/m.ignored_user_list`, {
    ignored_users: { [carol.userId]: {} },
  });
  const { next_batch: since } = await sync(bob);
  await send(carol, room, text('unheard'));
  await send(alice, room, text('heard'));
  await carol.ok('POST', `${v3}/createRoom`, { invite: [bob.userId] });
  const told = await sync(bob, { since });
  expect(told.rooms.invite).toBeUndefined();
  expect(told.rooms.join[room].timeline.events.map(({ content }: Event) => content.body)).toEqual(['heard']);
});

it("takes a join's own signature into the member event, and nothing else", async () => {
  const { room_id: room } = await alice.ok('POST', `${v3}/createRoom`, { invite: [bob.userId] });
  const join = `${v3}/rooms/${enc(room)}/join`;
  const proof = { membership: 'join', actor: bob.userId, at: 1 };
  const refused = async (body: object): Promise<number> => (await bob.request('POST', join, { body })).status;
  expect(await refused({ 'chat.nyx.membership': 'x'.repeat(48 * 1024) })).toBe(413);
  expect(await refused({ 'chat.nyx.membership': { at: 0.5 } })).toBe(400);
  await bob.ok('POST', join, {
    ...{ 'chat.nyx.membership': proof, 'chat.nyxmembership': 1, 'org.example.key': 1 },
    ...{ membership: 'ban', displayname: 'Mallory', join_authorised_via_users_server: alice.userId },
  });
  const state = await alice.ok('GET', `${v3}/rooms/${enc(room)}/state/m.room.member/${enc(bob.userId)}`);
  expect(state).toMatchObject({ membership: 'join', 'chat.nyx.membership': proof });
  for (const key of ['chat.nyxmembership', 'org.example.key', 'join_authorised_via_users_server'])
    expect(state).not.toHaveProperty([key]);
  expect(state.displayname).not.toBe('Mallory');
});
