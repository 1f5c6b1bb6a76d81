import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestServer, type TestServer, type TestUser } from '../../src/testing/create-test-server.ts';
import { pluginFolder } from './plugin-folder.ts';

const SOURCE = `
const no = { allow: false, errcode: 'ORG.EXAMPLE.NO', reason: 'not here' };
export const plugin = { setup: ({ check, on, route, schedule, storage, config, serverName }) => {
  const refuse = (hook, test) => check(hook, (input) => (test(input) ? no : { allow: true }));
  refuse('checkEvent', ({ event }) => event.content.body === config.word);
  refuse('checkRegistration', ({ username }) => username === config.word);
  refuse('checkLogin', ({ deviceId }) => deviceId === config.word);
  refuse('checkInvite', ({ invitee }) => invitee.startsWith('@hermit'));
  refuse('checkJoin', ({ userId }) => userId.startsWith('@outcast'));
  refuse('checkUpload', ({ contentType, bytes }) => contentType === 'application/x-bad' && bytes === 3);
  refuse('checkProfile', ({ field, value }) => field === 'displayname' && value === config.word);
  on('onEvent', async ({ event }) => {
    if (event.type === 'm.room.message') await storage.set('event ' + event.content.body, event.sender);
  });
  on('onRegistered', ({ userId }) => storage.set('user ' + userId, true));
  route('GET', '/seen/{what}', async ({ params, query, userId }) => ({
    body: { value: await storage.get(params.what + ' ' + query.key), userId, serverName },
  }));
  route('POST', '/fill', async ({ body }) => {
    try { await storage.set(body.key, 'x'.repeat(body.size)); return { status: 201 }; }
    catch (error) { return { status: 507, body: { code: error.code } }; }
  });
  schedule('sweep', () => storage.set('event swept', true));
} };`;

let server: TestServer;
let ann: TestUser;
let hermit: TestUser;
let outcast: TestUser;
const folder = pluginFolder(SOURCE, {
  contributes: {
    server: {
      checks: {
        checkEvent: {},
        checkRegistration: {},
        checkLogin: {},
        checkInvite: {},
        checkJoin: {},
        checkUpload: {},
        checkProfile: {},
      },
      notices: ['onEvent', 'onRegistered'],
      routes: [
        { method: 'GET', path: '/seen/{what}' },
        { method: 'POST', path: '/fill', auth: 'none' },
      ],
      schedules: [{ name: 'sweep', everyMinutes: 1 }],
    },
  },
  permissions: [
    'server:accounts',
    'server:events',
    'server:http',
    'server:media',
    'server:profiles',
    'server:rooms',
    'server:schedule',
  ],
});

const REFUSED = { status: 403, body: { errcode: 'ORG.EXAMPLE.NO', error: 'not here' } };
const at = (path: string) => `/_plugins/org.example.test${path}`;

beforeAll(async () => {
  server = await createTestServer({
    config: {
      plugins: {
        load: [{ path: folder.path, config: { word: 'casino' } }],
        maxStorage: '100KiB',
        hookTimeout: '10s',
      },
    },
  });
  ann = await server.register('ann');
  hermit = await server.register('hermit');
  outcast = await server.register('outcast');
});

afterAll(async () => {
  await server.close();
  folder[Symbol.dispose]();
});

const newRoom = async (): Promise<string> =>
  (await ann.ok('POST', '/_matrix/client/v3/createRoom', { preset: 'public_chat' })).room_id;

test('a plugin refuses messages, state, joins and invites with its own errcode', async () => {
  const room = encodeURIComponent(await newRoom());
  const send = (txn: string, body: string) =>
    ann.request('PUT', `/_matrix/client/v3/rooms/${room}/send/m.room.message/${txn}`, {
      body: { msgtype: 'm.text', body },
      unchecked: true,
    });
  expect(await send('1', 'casino')).toMatchObject(REFUSED);
  expect((await send('2', 'hello')).status).toBe(200);
  const state = { body: 'casino' };
  expect(
    await ann.request('PUT', `/_matrix/client/v3/rooms/${room}/state/org.example.x/`, {
      body: state,
      unchecked: true,
    }),
  ).toMatchObject(REFUSED);
  expect(
    await outcast.request('POST', `/_matrix/client/v3/rooms/${room}/join`, { body: {}, unchecked: true }),
  ).toMatchObject(REFUSED);
  expect(
    await ann.request('POST', `/_matrix/client/v3/rooms/${room}/invite`, {
      body: { user_id: hermit.userId },
      unchecked: true,
    }),
  ).toMatchObject(REFUSED);
  await hermit.ok('POST', `/_matrix/client/v3/rooms/${room}/join`, {});
  await hermit.ok('POST', `/_matrix/client/v3/rooms/${room}/leave`, {});
});

test('a plugin refuses registrations, logins, uploads and profiles', async () => {
  const account = { username: 'casino', password: 'long enough', auth: { type: 'm.login.dummy' } };
  expect(
    await server.request('POST', '/_matrix/client/v3/register', { body: account, unchecked: true }),
  ).toMatchObject(REFUSED);
  await expect(server.login(ann, 'casino')).rejects.toThrow('ORG.EXAMPLE.NO');
  const upload = (type: string) =>
    ann.request('POST', '/_matrix/media/v3/upload', {
      rawBody: 'abc',
      headers: { 'content-type': type },
      unchecked: true,
    });
  expect(await upload('application/x-bad')).toMatchObject(REFUSED);
  expect((await upload('text/plain')).status).toBe(200);
  const name = `/_matrix/client/v3/profile/${encodeURIComponent(ann.userId)}/displayname`;
  expect(await ann.request('PUT', name, { body: { displayname: 'casino' }, unchecked: true })).toMatchObject(
    REFUSED,
  );
  await ann.ok('PUT', name, { displayname: 'Ann' });
});

test('a plugin hears what happened, keeps it and answers requests', async () => {
  const room = encodeURIComponent(await newRoom());
  await ann.ok('PUT', `/_matrix/client/v3/rooms/${room}/send/m.room.message/n1`, {
    msgtype: 'm.text',
    body: 'news',
  });
  const seen = (kind: string, key: string) =>
    ann.ok('GET', at(`/seen/${kind}?key=${encodeURIComponent(key)}`));
  await expect
    .poll(() => seen('event', 'news'))
    .toEqual({
      value: ann.userId,
      userId: ann.userId,
      serverName: server.config.server.name,
    });
  await expect.poll(async () => (await seen('user', ann.userId)).value).toBe(true);
  // What the scheduler does every minute.
  await server.server.context.foundation.relay.enqueue([{ name: 'plugins.tick', payload: {} }]);
  await expect.poll(async () => (await seen('event', 'swept')).value).toBe(true);
  expect(await server.request('GET', at('/seen/event?key=x'), { unchecked: true })).toMatchObject({
    status: 401,
  });
  expect(await ann.request('GET', at('/nowhere'), { unchecked: true })).toMatchObject({ status: 404 });
});

test('a plugin cannot keep more than its share', async () => {
  const fill = (key: string, size: number) =>
    server.request('POST', at('/fill'), { body: { key, size }, unchecked: true });
  expect(await fill('a', 60_000)).toMatchObject({ status: 201 });
  expect(await fill('b', 60_000)).toMatchObject({ status: 507, body: { code: 'quota' } });
  expect(await fill('a', 10)).toMatchObject({ status: 201 });
  expect(await fill('b', 60_000)).toMatchObject({ status: 201 });
  expect(await fill('c', 70_000)).toMatchObject({ status: 507, body: { code: 'invalid' } });
});
