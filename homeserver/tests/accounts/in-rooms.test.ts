import { afterAll, beforeAll, expect, it } from 'vitest';
import type { TestServer } from '../../src/testing/create-test-server.ts';
import { createTestServer } from '../../src/testing/create-test-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await createTestServer();
});
afterAll(() => server.close());

const V3 = '/_matrix/client/v3';

it('shows new names in rooms, and takes those who are gone out of them', { timeout: 90_000 }, async () => {
  const [alice, bob] = [await server.register('alice'), await server.register('bob')];
  const { room_id: room } = (await alice.ok('POST', `${V3}/createRoom`, { preset: 'public_chat' })) as {
    room_id: string;
  };
  const path = `${V3}/rooms/${encodeURIComponent(room)}`;
  await bob.ok('POST', `${path}/join`, {});
  await bob.ok('PUT', `${V3}/profile/${bob.userId}/displayname`, { displayname: 'Robert' });
  const joined = async () =>
    (await alice.ok('GET', `${path}/joined_members`)).joined as Record<string, { display_name?: string }>;
  await expect
    .poll(async () => (await joined())[bob.userId]?.display_name, { timeout: 25_000 })
    .toBe('Robert');

  const challenge = await bob.request('POST', `${V3}/account/deactivate`, { body: {} });
  const auth = {
    type: 'm.login.password',
    identifier: { type: 'm.id.user', user: bob.userId },
    password: bob.password,
    session: challenge.body.session as string,
  };
  await bob.ok('POST', `${V3}/account/deactivate`, { auth });
  await expect.poll(async () => Object.keys(await joined()), { timeout: 25_000 }).toEqual([alice.userId]);
});

it('lets new users into the configured rooms', { timeout: 90_000 }, async () => {
  await using welcoming = await createTestServer({
    config: { registration: { autoJoinRooms: ['#welcome:localhost'] } },
  });
  const host = await welcoming.register('host');
  const { room_id: room } = (await host.ok('POST', `${V3}/createRoom`, {
    preset: 'public_chat',
    room_alias_name: 'welcome',
  })) as { room_id: string };
  const guest = await welcoming.register('newcomer');
  await expect
    .poll(async () => (await guest.ok('GET', `${V3}/joined_rooms`)).joined_rooms as string[], {
      timeout: 25_000,
    })
    .toEqual([room]);
});
