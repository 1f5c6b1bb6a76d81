import { afterAll, beforeAll, expect, it } from 'vitest';
import type { TestServer, TestUser } from '../../src/testing/create-test-server.ts';
import { createTestServer } from '../../src/testing/create-test-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await createTestServer();
});
afterAll(() => server.close());

const V3 = '/_matrix/client/v3';

type Users = { results: { user_id: string; display_name?: string; avatar_url?: string }[]; limited: boolean };
const search = (user: TestUser, term: string, limit?: number): Promise<Users> =>
  user.ok('POST', `${V3}/user_directory/search`, {
    search_term: term,
    ...(limit === undefined ? {} : { limit }),
  }) as Promise<Users>;
const names = async (user: TestUser, term: string): Promise<string[]> =>
  (await search(user, term)).results.map(({ user_id: id }) => id);

const newRoom = async (user: TestUser, more: Record<string, unknown>): Promise<string> =>
  ((await user.ok('POST', `${V3}/createRoom`, more)) as { room_id: string }).room_id;
const path = (room: string): string => `${V3}/rooms/${encodeURIComponent(room)}`;

it('shows those who share a room or are in a public one, and nobody else', async () => {
  const [alice, bob, carol, dave] = [
    await server.register('dir-alice'),
    await server.register('dir-bob'),
    await server.register('dir-carol'),
    await server.register('dir-dave'),
  ];
  const room = await newRoom(alice, { preset: 'private_chat', invite: [bob.userId] });
  expect(await names(alice, 'dir-bob')).toEqual([]);
  await bob.ok('POST', `${path(room)}/join`, {});
  expect(await names(alice, 'dir-bob')).toEqual([bob.userId]);
  expect(await names(alice, 'dir')).toEqual([bob.userId]);
  expect(await names(carol, 'dir-bob')).toEqual([]);

  const open = await newRoom(carol, { preset: 'public_chat' });
  expect(await names(dave, 'dir-carol')).toEqual([carol.userId]);
  expect(await names(dave, '@dir-car')).toEqual([carol.userId]);
  await carol.ok('PUT', `${path(open)}/state/m.room.join_rules`, { join_rule: 'invite' });
  expect(await names(dave, 'dir-carol')).toEqual([]);
  await alice.ok('PUT', `${path(room)}/state/m.room.history_visibility`, {
    history_visibility: 'world_readable',
  });
  expect((await names(dave, 'dir')).sort()).toEqual([alice.userId, bob.userId]);
  await bob.ok('POST', `${path(room)}/leave`, {});
  expect(await names(dave, 'dir')).toEqual([alice.userId]);
});

it('follows names and pictures, and puts the best first', async () => {
  const [alice, bob, other] = [
    await server.register('zoe'),
    await server.register('someone'),
    await server.register('zoeberta'),
  ];
  const room = await newRoom(alice, { preset: 'public_chat' });
  for (const user of [bob, other]) await user.ok('POST', `${path(room)}/join`, {});
  await bob.ok('PUT', `${V3}/profile/${bob.userId}/displayname`, { displayname: 'Zoë Müller' });
  await bob.ok('PUT', `${V3}/profile/${bob.userId}/avatar_url`, { avatar_url: 'mxc://localhost/picture' });
  const seeker = await server.register('seeker');
  await expect
    .poll(async () => (await search(seeker, 'ZOE')).results, { timeout: 20_000 })
    .toEqual([
      { user_id: bob.userId, display_name: 'Zoë Müller', avatar_url: 'mxc://localhost/picture' },
      { user_id: alice.userId },
      { user_id: other.userId },
    ]);
  expect((await search(seeker, 'zoe mull')).results.map(({ user_id: id }) => id)).toEqual([bob.userId]);
  const first = await search(seeker, 'zoe', 2);
  expect([first.results.length, first.limited]).toEqual([2, true]);
  expect((await search(seeker, 'zoe')).limited).toBe(false);
  expect((await search(seeker, '.* ')).results).toEqual([]);
  expect((await search(alice, 'zoe')).results.map(({ user_id: id }) => id)).not.toContain(alice.userId);
});

it('forgets those who are gone', async () => {
  const [alice, bob] = [await server.register('gone'), await server.register('stays')];
  const room = await newRoom(alice, { preset: 'public_chat' });
  await bob.ok('POST', `${path(room)}/join`, {});
  expect(await names(bob, 'gone')).toEqual([alice.userId]);
  const challenge = await alice.request('POST', `${V3}/account/deactivate`, { body: {} });
  await alice.ok('POST', `${V3}/account/deactivate`, {
    auth: {
      type: 'm.login.password',
      identifier: { type: 'm.id.user', user: alice.userId },
      password: alice.password,
      session: challenge.body.session as string,
    },
  });
  await expect.poll(() => names(bob, 'gone'), { timeout: 20_000 }).toEqual([]);
});

it.each([
  ['no term', {}, 'M_MISSING_PARAM'],
  ['a term that is no text', { search_term: 3 }, 'M_BAD_JSON'],
  ['a limit that is none', { search_term: 'x', limit: 'many' }, 'M_BAD_JSON'],
])('refuses %s', async (_what, body, errcode) => {
  const user = await server.register(`dir-refused-${errcode.toLowerCase()}-${Object.keys(body).length}`);
  const answer = await user.request('POST', `${V3}/user_directory/search`, { body });
  expect([answer.status, answer.body.errcode]).toEqual([400, errcode]);
});
