import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createFederation, type TestFederation } from '../../src/testing/create-federation.ts';
import type { TestResponse, TestServer, TestUser } from '../../src/testing/create-test-server.ts';

// Whole servers talk to each other here, on machines that may be busy with other tests.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

const v3 = '/_matrix/client/v3';
let federation: TestFederation;
let one: TestServer;
let two: TestServer;
let alice: TestUser;
let bob: TestUser;

beforeAll(async () => {
  federation = await createFederation(2);
  const [first, second] = federation.servers;
  if (first === undefined || second === undefined) throw new Error('no servers');
  one = first;
  two = second;
  alice = await one.register('alice');
  bob = await two.register('bob');
});
afterAll(() => federation[Symbol.asyncDispose]());

const pathOf = (room: string) => `${v3}/rooms/${encodeURIComponent(room)}`;
type Event = { type: string; event_id: string; content: Record<string, unknown>; state_key?: string };

type Sync = TestResponse['body'];

/** Syncs until something of the room meets the condition. */
async function until(user: TestUser, met: (sync: Sync) => boolean): Promise<Sync> {
  let since = '';
  for (let round = 0; round < 120; round++) {
    const answer = await user.ok('GET', `${v3}/sync?timeout=1000${since}`);
    if (met(answer)) return answer;
    since = `&since=${answer.next_batch}`;
  }
  throw new Error('what was waited for did not come');
}
const timelineOf = (sync: Sync, room: string): Event[] => sync.rooms?.join?.[room]?.timeline?.events ?? [];
const says = (text: string, room: string) => (sync: Sync) =>
  timelineOf(sync, room).some((event) => event.content.body === text);

describe.each(['10', '11', '12'])('room version %s', (version) => {
  test('a user of another server joins a public room, and both hear each other', async () => {
    const { room_id: room } = await alice.ok('POST', `${v3}/createRoom`, {
      preset: 'public_chat',
      name: 'Federated',
      room_version: version,
    });
    await alice.ok('PUT', `${pathOf(room)}/send/m.room.message/0`, { msgtype: 'm.text', body: 'before' });
    const via = `?via=${one.config.server.name}`;
    await bob.ok('POST', `${v3}/join/${encodeURIComponent(room)}${via}`, {});
    const state = await bob.ok('GET', `${pathOf(room)}/state/m.room.name/`);
    expect(state).toEqual({ name: 'Federated' });
    await bob.ok('PUT', `${pathOf(room)}/send/m.room.message/1`, { msgtype: 'm.text', body: 'from two' });
    await until(alice, says('from two', room));
    await alice.ok('PUT', `${pathOf(room)}/send/m.room.message/2`, { msgtype: 'm.text', body: 'from one' });
    await until(bob, says('from one', room));
    const members = await alice.ok('GET', `${pathOf(room)}/joined_members`);
    expect(Object.keys(members.joined).sort()).toEqual([alice.userId, bob.userId].sort());
  });

  test('an invited user joins a private room, leaves, and is gone on both sides', async () => {
    const { room_id: room } = await alice.ok('POST', `${v3}/createRoom`, {
      preset: 'private_chat',
      name: 'Secret',
      room_version: version,
    });
    await alice.ok('POST', `${pathOf(room)}/invite`, { user_id: bob.userId });
    const invited = await until(bob, (sync) => sync.rooms?.invite?.[room] !== undefined);
    const stripped: Event[] = invited.rooms.invite[room].invite_state.events;
    expect(stripped.find(({ type }) => type === 'm.room.name')?.content).toEqual({ name: 'Secret' });
    // The join itself carries the signature: nobody ever sees it without (e2ee.md section 3).
    const proof = { membership: 'join', actor: bob.userId, at: 1 };
    await bob.ok('POST', `${pathOf(room)}/join`, { 'chat.nyx.membership': proof, 'org.example.key': 1 });
    const joins = (sync: Sync): Event[] =>
      timelineOf(sync, room).filter(
        (event) => event.state_key === bob.userId && event.content.membership === 'join',
      );
    const [join] = joins(await until(alice, (sync) => joins(sync).length > 0));
    expect(join?.content['chat.nyx.membership']).toEqual(proof);
    expect(join?.content).not.toHaveProperty(['org.example.key']);
    await alice.ok('PUT', `${pathOf(room)}/send/m.room.message/1`, { msgtype: 'm.text', body: 'hello' });
    await until(bob, says('hello', room));
    await bob.ok('POST', `${pathOf(room)}/leave`, {});
    await until(alice, (sync) =>
      timelineOf(sync, room).some(
        (event) => event.state_key === bob.userId && event.content.membership === 'leave',
      ),
    );
  });

  test('an invite is withdrawn, and the invited side learns it', async () => {
    const { room_id: room } = await alice.ok('POST', `${v3}/createRoom`, {
      preset: 'private_chat',
      room_version: version,
    });
    await alice.ok('POST', `${pathOf(room)}/invite`, { user_id: bob.userId });
    const { next_batch: since } = await until(bob, (sync) => sync.rooms?.invite?.[room] !== undefined);
    await alice.ok('POST', `${pathOf(room)}/kick`, { user_id: bob.userId });
    await expect
      .poll(
        async () =>
          (await bob.ok('GET', `${v3}/sync?since=${since}&timeout=1000`)).rooms?.leave?.[room] !== undefined,
        { timeout: 60_000 },
      )
      .toBe(true);
    const again = await bob.ok('GET', `${v3}/sync`);
    expect(again.rooms?.invite?.[room]).toBeUndefined();
  });

  test('an invite is refused, and the inviting side learns it', async () => {
    const { room_id: room } = await alice.ok('POST', `${v3}/createRoom`, {
      preset: 'private_chat',
      room_version: version,
    });
    await alice.ok('POST', `${pathOf(room)}/invite`, { user_id: bob.userId });
    await until(bob, (sync) => sync.rooms?.invite?.[room] !== undefined);
    await bob.ok('POST', `${pathOf(room)}/leave`, {});
    await until(alice, (sync) =>
      timelineOf(sync, room).some(
        (event) => event.state_key === bob.userId && event.content.membership === 'leave',
      ),
    );
  });
});

test('an outsider is kept out of a private room', async () => {
  const { room_id: room } = await alice.ok('POST', `${v3}/createRoom`, { preset: 'private_chat' });
  const via = `?via=${one.config.server.name}`;
  const answer = await bob.request('POST', `${v3}/join/${encodeURIComponent(room)}${via}`, { body: {} });
  expect(answer.status).toBe(403);
});

test('the version is open to everybody', async () => {
  const answer = await one.request('GET', '/_matrix/federation/v1/version');
  expect(answer.body.server.name).toBe('Nyx');
});

test('a signed operation is closed to those who do not sign', async () => {
  const answer = await one.request('GET', '/_matrix/federation/v1/publicRooms');
  expect([401, 404]).toContain(answer.status);
  const state = await one.request(
    'GET',
    `/_matrix/federation/v1/state/${encodeURIComponent('!x:y')}?event_id=$x`,
  );
  expect(state.status).toBe(401);
});
