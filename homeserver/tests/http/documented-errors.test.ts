import { afterAll, beforeAll, expect, it } from 'vitest';
import type { TestServer, TestUser } from '../../src/testing/create-test-server.ts';
import { createTestServer } from '../../src/testing/create-test-server.ts';

let server: TestServer;
let user: TestUser;
let room: string;
beforeAll(async () => {
  server = await createTestServer();
  user = await server.register('asker');
  const created = (await user.ok('POST', `${V3}/createRoom`, {})) as { room_id: string };
  room = encodeURIComponent(created.room_id);
});
afterAll(() => server.close());

const V3 = '/_matrix/client/v3';
const V1 = '/_matrix/client/v1';

it('says which thing it does not know', async () => {
  const missing: readonly string[] = [
    `${V1}/rooms/${room}/relations/%24nothing/m.thread`,
    `${V1}/rooms/${room}/relations/%24nothing/m.thread/m.room.message`,
    `${V1}/room_summary/!nowhere:localhost`,
    `${V3}/directory/list/room/!nowhere:localhost`,
    '/.well-known/matrix/support',
    '/_matrix/media/v3/download/localhost/nothing/x.png',
  ];
  for (const path of missing) {
    const answer = await user.request('GET', path);
    expect([path, answer.status, answer.body.errcode]).toEqual([path, 404, 'M_NOT_FOUND']);
  }
});

it('lists public rooms to those who have a token', async () => {
  expect((await user.ok('GET', `${V3}/publicRooms?limit=1`)).chunk).toEqual([]);
  const stranger = await server.request('GET', `${V3}/publicRooms`);
  expect([stranger.status, stranger.body.errcode]).toEqual([401, 'M_MISSING_TOKEN']);
  const versions = await server.request('GET', '/_matrix/client/versions', { token: 'nonsense' });
  expect([versions.status, versions.body.errcode]).toEqual([401, 'M_UNKNOWN_TOKEN']);
});

it('takes reports of users', async () => {
  const other = await server.register('rude');
  expect(await user.ok('POST', `${V3}/users/${other.userId}/report`, { reason: 'rude' })).toEqual({});
});

it('invites nobody by e-mail, having no identity server', async () => {
  const body = { id_server: 'id.example', id_access_token: 'x', medium: 'email', address: 'a@example.org' };
  const answer = await user.request('POST', `${V3}/rooms/${room}/invite`, { body });
  expect([answer.status, answer.body.errcode]).toEqual([403, 'M_THREEPID_DENIED']);
  const nobody = await user.request('POST', `${V3}/rooms/${room}/invite`, { body: {} });
  expect([nobody.status, nobody.body.errcode]).toEqual([400, 'M_MISSING_PARAM']);
});

it('has no application services', async () => {
  for (const [method, path] of [
    ['POST', `${V1}/appservice/bridge/ping`],
    ['PUT', `${V3}/directory/list/appservice/network/${room}`],
  ] as const) {
    const answer = await user.request(method, path, { body: {} });
    expect([path, answer.status, answer.body.errcode]).toEqual([path, 403, 'M_FORBIDDEN']);
  }
});

it('limits what strangers may ask', async () => {
  const once = { perSecond: 0.001, burst: 1 };
  await using limited = await createTestServer({
    config: { rateLimits: { enabled: true, read: once, registration: once } },
  });
  for (const path of [`${V3}/login`, `${V1}/register/m.login.registration_token/validity?token=x`]) {
    const answers = [await limited.request('GET', path), await limited.request('GET', path)];
    const refused = answers.find(({ status }) => status === 429);
    expect([path, refused?.body.errcode]).toEqual([path, 'M_LIMIT_EXCEEDED']);
    expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThan(0);
  }
});
