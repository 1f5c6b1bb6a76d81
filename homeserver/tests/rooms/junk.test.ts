import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestServer, type TestServer, type TestUser } from '../../src/testing/create-test-server.ts';

const v3 = '/_matrix/client/v3';
const enc = encodeURIComponent;

let server: TestServer;
let alice: TestUser;
let room: string;

beforeAll(async () => {
  server = await createTestServer();
  alice = await server.register('alice');
  room = (await alice.ok('POST', `${v3}/createRoom`, {})).room_id;
}, 120_000);
afterAll(() => server.close());

const JUNK: readonly string[] = [
  '',
  '{}',
  '[]',
  'null',
  '"x"',
  '{"a":',
  '{"user_id":7}',
  '{"content":1e400}',
  '\u0000',
];
const IDS: readonly string[] = [
  '!x',
  '$x',
  '%00',
  '..',
  '!a:b:c',
  '$' + 'a'.repeat(43),
  'x'.repeat(300),
  '@:',
  '#a:b',
];

it('answers junk with a refusal, never with a failure of its own', async () => {
  const routes = server.server.context.routes.filter(
    ({ auth, body }) => (auth === 'access_token' || auth === 'optional') && body !== 'stream',
  );
  const failures: string[] = [];
  const count = process.env.NYX_TEST_LONG === '1' ? JUNK.length * IDS.length : 3;
  for (const [index, route] of routes.entries()) {
    for (let n = 0; n < count; n++) {
      const junk = JUNK[(index + n) % JUNK.length] ?? '';
      const id = IDS[(index * 7 + n) % IDS.length] ?? '';
      const pattern = route.paths[n % route.paths.length] ?? '';
      if (pattern.includes('/logout') || pattern.includes('/deactivate')) continue;
      const path = pattern
        .replace('{roomId}', n % 2 === 0 ? enc(room) : enc(id))
        .replaceAll(/\{[A-Za-z]+\}/g, enc(id));
      const query =
        n % 3 === 0 ? '' : `?limit=${enc(id)}&from=${enc(id)}&dir=b&since=${enc(junk)}&filter=${enc(junk)}`;
      const isRead = route.method === 'GET';
      const answer = await alice.request(route.method, path + query, {
        unchecked: true,
        ...(isRead ? {} : { rawBody: junk }),
      });
      if (answer.status >= 500) failures.push(`${route.method} ${path}${query} ${junk}: ${answer.status}`);
    }
  }
  expect(failures).toEqual([]);
}, 300_000);

it('refuses what is wrong by the code that says so', async () => {
  const path = `${v3}/rooms/${enc(room)}`;
  const code = async (method: string, where: string, options: object = {}) => {
    const answer = await alice.request(method, where, { unchecked: true, ...options });
    return [answer.status, answer.body.errcode];
  };
  expect(await code('PUT', `${path}/send/m.room.message/a`, { rawBody: '{' })).toEqual([400, 'M_NOT_JSON']);
  expect(await code('PUT', `${path}/send/m.room.message/b`, { body: [] })).toEqual([400, 'M_BAD_JSON']);
  const huge = { body: 'x'.repeat(70_000) };
  expect(await code('PUT', `${path}/send/m.room.message/c`, { body: huge })).toEqual([413, 'M_TOO_LARGE']);
  expect(await code('GET', `${path}/messages?dir=b&from=nonsense`)).toEqual([400, 'M_INVALID_PARAM']);
  expect(await code('GET', `${path}/messages`)).toEqual([400, 'M_MISSING_PARAM']);
  expect(await code('GET', `${v3}/sync?since=nonsense`)).toEqual([400, 'M_INVALID_PARAM']);
  expect(await code('GET', `${v3}/sync?filter=%7B`)).toEqual([400, 'M_INVALID_PARAM']);
  expect(await code('GET', `${path}/event/$nothing`)).toEqual([404, 'M_NOT_FOUND']);
  expect(await code('POST', `${v3}/createRoom`, { body: { room_version: '99' } })).toEqual([
    400,
    'M_UNSUPPORTED_ROOM_VERSION',
  ]);
  const float = { body: { msgtype: 'm.text', body: 'x', half: 0.5 } };
  expect(await code('PUT', `${path}/send/m.room.message/d`, float)).toEqual([400, 'M_BAD_JSON']);
});
