import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestServer, type TestServer, type TestUser } from '../../src/testing/create-test-server.ts';

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
  readonly event_id: string;
  readonly state_key?: string;
  readonly content: Record<string, unknown>;
};

const v3 = '/_matrix/client/v3';

it('creates a room, invites, joins, sends, pages', async () => {
  const { room_id: room } = await alice.ok('POST', `${v3}/createRoom`, {
    name: 'Garden',
    topic: 'Plants',
    invite: [bob.userId],
    preset: 'private_chat',
  });
  expect(room).toMatch(/^![A-Za-z0-9_-]{43}$/);
  const path = `${v3}/rooms/${encodeURIComponent(room)}`;
  expect(await alice.ok('GET', `${v3}/joined_rooms`)).toEqual({ joined_rooms: [room] });
  expect(await bob.ok('GET', `${v3}/joined_rooms`)).toEqual({ joined_rooms: [] });
  const refused = await bob.request('PUT', `${path}/send/m.room.message/1`, {
    body: { body: 'x', msgtype: 'm.text' },
  });
  expect(refused.status).toBe(403);
  await bob.ok('POST', `${path}/join`, {});
  const { event_id: first } = await bob.ok('PUT', `${path}/send/m.room.message/1`, {
    body: 'hello',
    msgtype: 'm.text',
  });
  const repeat = await bob.ok('PUT', `${path}/send/m.room.message/1`, { body: 'hello', msgtype: 'm.text' });
  expect(repeat.event_id).toBe(first);
  for (let n = 0; n < 30; n++) {
    await alice.ok('PUT', `${path}/send/m.room.message/n${n}`, { body: `message ${n}`, msgtype: 'm.text' });
  }
  const page = await alice.ok('GET', `${path}/messages?dir=b&limit=20`);
  expect(page.chunk.map((event: Event) => event.content.body)).toEqual(
    Array.from({ length: 20 }, (_, n) => `message ${29 - n}`),
  );
  const rest = await alice.ok('GET', `${path}/messages?dir=b&limit=100&from=${page.end}`);
  expect(rest.end).toBeUndefined();
  expect(rest.chunk.at(-1).type).toBe('m.room.create');
  const members = await alice.ok('GET', `${path}/members`);
  const memberships = members.chunk.map((event: Event) => [event.state_key, event.content.membership]);
  expect(new Map(memberships)).toEqual(
    new Map([
      [alice.userId, 'join'],
      [bob.userId, 'join'],
    ]),
  );
  expect(await alice.ok('GET', `${path}/state/m.room.name/`)).toEqual({ name: 'Garden' });
  await alice.ok('PUT', `${path}/redact/${encodeURIComponent(first)}/r1`, { reason: 'no' });
  await alice.ok('POST', `${path}/kick`, { user_id: bob.userId });
  const gone = await bob.request('PUT', `${path}/send/m.room.message/2`, {
    body: { body: 'x', msgtype: 'm.text' },
  });
  expect(gone.status).toBe(403);
});

it('keeps concurrent senders in order and answers each once', async () => {
  const { room_id: room } = await alice.ok('POST', `${v3}/createRoom`, { invite: [bob.userId] });
  const path = `${v3}/rooms/${encodeURIComponent(room)}`;
  await bob.ok('POST', `${path}/join`, {});
  const ids = await Promise.all(
    Array.from({ length: 60 }, async (_, n) => {
      const user = n % 2 === 0 ? alice : bob;
      return (await user.ok('PUT', `${path}/send/m.room.message/c${n}`, { body: `${n}`, msgtype: 'm.text' }))
        .event_id;
    }),
  );
  expect(new Set(ids).size).toBe(60);
  const page = await alice.ok('GET', `${path}/messages?dir=b&limit=60`);
  expect(new Set(page.chunk.map((event: Event) => event.event_id))).toEqual(new Set(ids));
});
