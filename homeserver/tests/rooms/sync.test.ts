import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestServer, type TestServer, type TestUser } from '../../src/testing/create-test-server.ts';

const v3 = '/_matrix/client/v3';

let server: TestServer;
let alice: TestUser;
let bob: TestUser;

beforeAll(async () => {
  server = await createTestServer();
  alice = await server.register('alice');
  bob = await server.register('bob');
});
afterAll(() => server.close());

type Event = { readonly type: string; readonly event_id: string; readonly content: Record<string, unknown> };

const sync = (user: TestUser, query: Record<string, string> = {}) =>
  user.ok('GET', `${v3}/sync?${new URLSearchParams(query).toString()}`);
const bodies = (events: readonly Event[]) =>
  events.filter(({ type }) => type === 'm.room.message').map(({ content }) => content.body);
const say = (user: TestUser, room: string, body: string) =>
  user.ok('PUT', `${v3}/rooms/${encodeURIComponent(room)}/send/m.room.message/${encodeURIComponent(body)}`, {
    body,
    msgtype: 'm.text',
  });

it('tells a room from creation to leaving, to both sides', async () => {
  const empty = await sync(alice);
  const { room_id: room } = await alice.ok('POST', `${v3}/createRoom`, { name: 'One', invite: [bob.userId] });
  const created = await sync(alice, { since: empty.next_batch });
  const joined = created.rooms.join[room];
  const told = [...joined.state.events, ...joined.timeline.events].map(({ type }: Event) => type);
  expect(told).toContain('m.room.create');
  expect(told).toContain('m.room.name');
  expect(joined.summary).toMatchObject({ 'm.joined_member_count': 1, 'm.invited_member_count': 1 });
  const invited = await sync(bob);
  const shown = invited.rooms.invite[room].invite_state.events;
  expect(shown.map(({ type }: Event) => type)).toEqual(
    expect.arrayContaining(['m.room.create', 'm.room.name', 'm.room.member']),
  );
  await bob.ok('POST', `${v3}/rooms/${encodeURIComponent(room)}/join`, {});
  await say(alice, room, 'hi');
  const bobs = await sync(bob, { since: invited.next_batch });
  expect(bodies(bobs.rooms.join[room].timeline.events)).toEqual(['hi']);
  const alices = await sync(alice, { since: created.next_batch });
  const [, message] = alices.rooms.join[room].timeline.events;
  expect(message.unsigned.transaction_id).toBe('hi');
  expect(alices.rooms.join[room].timeline.limited).toBe(false);
  expect(alices.rooms.join[room].state.events).toEqual([]);
  await bob.ok('POST', `${v3}/rooms/${encodeURIComponent(room)}/leave`, {});
  await say(alice, room, 'after');
  const left = await sync(bob, { since: bobs.next_batch });
  expect(left.rooms.join).toBeUndefined();
  expect(bodies(left.rooms.leave[room].timeline.events)).toEqual([]);
  expect(left.rooms.leave[room].timeline.events.at(-1).content.membership).toBe('leave');
});

it('tells who is kicked of the ban that follows, and of a return that the timeline does not follow on', async () => {
  const { room_id: room } = await alice.ok('POST', `${v3}/createRoom`, { invite: [bob.userId] });
  const path = `${v3}/rooms/${encodeURIComponent(room)}`;
  await bob.ok('POST', `${path}/join`, {});
  await say(alice, room, 'stay');
  const stay = await sync(bob);
  await alice.ok('POST', `${path}/kick`, { user_id: bob.userId });
  const kicked = await sync(bob, { since: stay.next_batch });
  const members = (events: readonly Event[]) =>
    events.filter(({ type }) => type === 'm.room.member').map(({ content }) => content.membership);
  expect(members(kicked.rooms.leave[room].timeline.events)).toEqual(['leave']);
  await alice.ok('PUT', `${path}/state/m.room.topic`, { topic: 'behind his back' });
  await alice.ok('POST', `${path}/ban`, { user_id: bob.userId });
  for (const query of [{}, { use_state_after: 'true' }]) {
    const banned = (await sync(bob, { since: kicked.next_batch, ...query })).rooms.leave[room];
    expect(members(banned.timeline.events)).toEqual(['ban']);
    expect(bodies(banned.timeline.events)).toEqual([]);
    expect(JSON.stringify(banned)).not.toContain('behind his back');
    if ('use_state_after' in query) expect(members(banned.state_after.events)).toEqual(['join', 'ban']);
  }
  const banned = await sync(bob, { since: kicked.next_batch });
  await alice.ok('POST', `${path}/unban`, { user_id: bob.userId });
  await alice.ok('POST', `${path}/invite`, { user_id: bob.userId });
  await bob.ok('POST', `${path}/join`, {});
  const back = (await sync(bob, { since: banned.next_batch })).rooms.join[room];
  expect(back.timeline.limited).toBe(true);
  expect(members(back.timeline.events).at(-1)).toBe('join');
});

it('tells who declines an invite', async () => {
  const before = await sync(bob);
  const { room_id: room } = await alice.ok('POST', `${v3}/createRoom`, { invite: [bob.userId] });
  const invited = await sync(bob, { since: before.next_batch });
  await bob.ok('POST', `${v3}/rooms/${encodeURIComponent(room)}/leave`, {});
  const { timeline, state } = (await sync(bob, { since: invited.next_batch })).rooms.leave[room];
  expect(timeline.events).toMatchObject([{ type: 'm.room.member', content: { membership: 'leave' } }]);
  expect(state.events).toEqual([]);
});

it('wakes a waiting client, and lets others wait', async () => {
  const { room_id: room } = await alice.ok('POST', `${v3}/createRoom`, {});
  const { next_batch: since } = await sync(alice);
  const waiting = sync(alice, { since, timeout: '20000' });
  const { next_batch: bobs } = await sync(bob);
  const quiet = sync(bob, { since: bobs, timeout: '300' });
  await say(alice, room, 'wake up');
  const woken = await waiting;
  expect(bodies(woken.rooms.join[room].timeline.events)).toEqual(['wake up']);
  expect((await quiet).rooms).toBeUndefined();
});

it('tells a gap: newest events, and the state that changed in between', async () => {
  const { room_id: room } = await alice.ok('POST', `${v3}/createRoom`, { name: 'before' });
  const { next_batch: since } = await sync(alice);
  const path = `${v3}/rooms/${encodeURIComponent(room)}`;
  await alice.ok('PUT', `${path}/state/m.room.name`, { name: 'after' });
  for (let n = 0; n < 25; n++) await say(alice, room, `gap ${n}`);
  for (const place of ['state', 'state_after']) {
    const query: Record<string, string> = place === 'state' ? { since } : { since, use_state_after: 'true' };
    const { timeline, [place]: state } = (await sync(alice, query)).rooms.join[room];
    expect(timeline.limited).toBe(true);
    expect(bodies(timeline.events)).toEqual(Array.from({ length: 10 }, (_, n) => `gap ${15 + n}`));
    expect(state.events.map(({ content }: Event) => content)).toEqual([{ name: 'after' }]);
    const page = await alice.ok('GET', `${path}/messages?dir=b&limit=15&from=${timeline.prev_batch}`);
    expect(bodies(page.chunk)).toEqual(Array.from({ length: 15 }, (_, n) => `gap ${14 - n}`));
  }
});

it('still answers clients from before /sync', async () => {
  const { room_id: room } = await alice.ok('POST', `${v3}/createRoom`, { name: 'Old' });
  const first = await alice.ok('GET', `${v3}/initialSync?limit=5`);
  expect(first.rooms.map((each: { room_id: string }) => each.room_id)).toContain(room);
  const { event_id: said } = await say(alice, room, 'old news');
  const news = await alice.ok('GET', `${v3}/events?from=${first.end}&timeout=0`);
  expect(bodies(news.chunk)).toEqual(['old news']);
  const one = await alice.ok('GET', `${v3}/rooms/${encodeURIComponent(room)}/initialSync?limit=3`);
  expect(one).toMatchObject({ room_id: room, membership: 'join', visibility: 'private' });
  expect(one.messages.chunk.at(-1).event_id).toBe(said);
  expect((await alice.ok('GET', `${v3}/events/${encodeURIComponent(said)}`)).event_id).toBe(said);
  const foreign = await bob.request('GET', `${v3}/events/${encodeURIComponent(said)}`);
  expect(foreign.status).toBe(404);
});
