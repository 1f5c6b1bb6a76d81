import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createFederation, type TestFederation } from '../../src/testing/create-federation.ts';
import type { TestResponse, TestServer, TestUser } from '../../src/testing/create-test-server.ts';

// Whole servers talk to each other here, on machines that may be busy with other tests.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

const v3 = '/_matrix/client/v3';
type Sync = TestResponse['body'];
type Event = { type: string; event_id: string; content: Record<string, unknown>; state_key?: string };

let federation: TestFederation;
let one: TestServer;
let alice: TestUser;
let bob: TestUser;
let room: string;

beforeAll(async () => {
  federation = await createFederation(2);
  const [first, second] = federation.servers;
  if (first === undefined || second === undefined) throw new Error('no servers');
  one = first;
  alice = await one.register('alice');
  bob = await second.register('bob');
  const created = await alice.ok('POST', `${v3}/createRoom`, { preset: 'public_chat', name: 'Shared' });
  room = created.room_id;
  for (let index = 0; index < 60; index++)
    await alice.ok('PUT', `${pathOf(room)}/send/m.room.message/m${index}`, {
      msgtype: 'm.text',
      body: `message ${index}`,
    });
  await bob.ok('POST', `${v3}/join/${encodeURIComponent(room)}?via=${one.config.server.name}`, {});
});
afterAll(() => federation[Symbol.asyncDispose]());

const pathOf = (id: string) => `${v3}/rooms/${encodeURIComponent(id)}`;

async function until(user: TestUser, met: (sync: Sync) => boolean): Promise<Sync> {
  let since = '';
  for (let round = 0; round < 120; round++) {
    const answer = await user.ok('GET', `${v3}/sync?timeout=1000${since}`);
    if (met(answer)) return answer;
    since = `&since=${answer.next_batch}`;
  }
  throw new Error('what was waited for did not come');
}
const ephemeral = (sync: Sync): Event[] => sync.rooms?.join?.[room]?.ephemeral?.events ?? [];

test('history from before the join is fetched page by page, to the very beginning', async () => {
  const bodies: unknown[] = [];
  const types: string[] = [];
  let from = '';
  for (let page = 0; page < 20; page++) {
    const answer = await bob.ok('GET', `${pathOf(room)}/messages?dir=b&limit=20${from}`);
    for (const event of answer.chunk as Event[]) {
      types.push(event.type);
      if (event.type === 'm.room.message') bodies.push(event.content.body);
    }
    if (answer.end === undefined) break;
    from = `&from=${answer.end}`;
  }
  expect(bodies).toEqual(Array.from({ length: 60 }, (_, index) => `message ${59 - index}`));
  expect(types.at(-1)).toBe('m.room.create');
});

test('typing is shown and ends on the other side', async () => {
  const path = `${pathOf(room)}/typing/${encodeURIComponent(alice.userId)}`;
  await alice.ok('PUT', path, { typing: true, timeout: 30_000 });
  await until(bob, (sync) =>
    ephemeral(sync).some(
      ({ type, content }) => type === 'm.typing' && (content.user_ids as string[]).includes(alice.userId),
    ),
  );
  await alice.ok('PUT', path, { typing: false });
});

test('a read receipt reaches the author on the other server', async () => {
  const { event_id: id } = await alice.ok('PUT', `${pathOf(room)}/send/m.room.message/r`, {
    msgtype: 'm.text',
    body: 'read me',
  });
  await until(bob, (sync) =>
    (sync.rooms?.join?.[room]?.timeline?.events ?? []).some((event: Event) => event.event_id === id),
  );
  await bob.ok('POST', `${pathOf(room)}/receipt/m.read/${encodeURIComponent(id)}`, {});
  await until(alice, (sync) => JSON.stringify(ephemeral(sync)).includes(bob.userId));
});

test('profiles and room lists are told to the other server', async () => {
  await alice.ok('PUT', `${v3}/profile/${encodeURIComponent(alice.userId)}/displayname`, {
    displayname: 'Alice of One',
  });
  const profile = await bob.ok('GET', `${v3}/profile/${encodeURIComponent(alice.userId)}`);
  expect(profile.displayname).toBe('Alice of One');
  await alice.ok('PUT', `${v3}/directory/list/room/${encodeURIComponent(room)}`, { visibility: 'public' });
  const list = await bob.ok('POST', `${v3}/publicRooms?server=${one.config.server.name}`, {});
  expect(list.chunk.map((entry: { room_id: string }) => entry.room_id)).toContain(room);
});

test('a stranger has no profile', async () => {
  const name = encodeURIComponent(`@nobody:${one.config.server.name}`);
  expect((await bob.request('GET', `${v3}/profile/${name}`)).status).toBe(404);
});
