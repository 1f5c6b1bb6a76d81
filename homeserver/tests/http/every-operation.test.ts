import { afterAll, beforeAll, expect, it } from 'vitest';
import type { TestServer, TestUser } from '../../src/testing/create-test-server.ts';
import { createTestServer } from '../../src/testing/create-test-server.ts';

let server: TestServer;
let user: TestUser;
beforeAll(async () => {
  server = await createTestServer();
  user = await server.register('everywhere');
});
afterAll(() => server.close());

const V3 = '/_matrix/client/v3';

/** A value that fits a parameter, so that the request reaches the authentication. */
const EXAMPLES: Readonly<Record<string, string>> = {
  userId: '@everywhere:localhost',
  roomId: '!room:localhost',
  roomIdOrAlias: '!room:localhost',
  roomAlias: '%23alias:localhost',
  eventId: '%24event',
  kind: 'override',
};

const examplePath = (path: string): string =>
  path.replaceAll(/\{([A-Za-z]+)\}/g, (_whole, name: string) => EXAMPLES[name] ?? 'x');

it('refuses every operation that needs a token to those who have none', { timeout: 90_000 }, async () => {
  const guarded = server.server.context.routes.filter(
    ({ auth }) => auth === 'access_token' || auth === 'admin',
  );
  expect(guarded.length).toBeGreaterThan(60);
  for (const { method, paths, operation, body } of guarded) {
    for (const token of [undefined, 'nonsense']) {
      const answer = await server.request(method, examplePath(paths[0] ?? ''), {
        ...(token === undefined ? {} : { token }),
        ...(method === 'GET' || body === 'stream' ? {} : { body: {} }),
      });
      const expected = [operation, 401, token === undefined ? 'M_MISSING_TOKEN' : 'M_UNKNOWN_TOKEN'];
      expect([operation, answer.status, answer.body.errcode]).toEqual(expected);
    }
  }
});

it('has one route for each method and path', () => {
  const all = server.server.context.routes.flatMap(({ method, paths }) =>
    paths.map((path) => `${method} ${path.replaceAll(/\{[A-Za-z]+\}/g, '{}').replace(/\/$/, '')}`),
  );
  expect(all.filter((one, index) => all.indexOf(one) !== index)).toEqual([]);
});

it('answers what the other tests leave out', async () => {
  const free = await server.request('GET', `${V3}/register/available?username=free`);
  expect(free.body).toEqual({ available: true });
  const taken = await server.request('GET', `${V3}/register/available?username=everywhere`);
  expect([taken.status, taken.body.errcode]).toEqual([400, 'M_USER_IN_USE']);
  await user.ok('PUT', `${V3}/profile/${user.userId}/displayname`, { displayname: 'Everywhere' });
  expect(await user.ok('GET', `${V3}/profile/${user.userId}/displayname`)).toEqual({
    displayname: 'Everywhere',
  });
  for (const action of ['delete', 'unbind']) {
    const answer = await user.ok('POST', `${V3}/account/3pid/${action}`, {
      medium: 'email',
      address: 'a@example.org',
    });
    expect(answer).toEqual({ id_server_unbind_result: 'no-support' });
  }
  for (const path of ['protocol/x', 'location/x', 'user/x', 'location?alias=%23a:b', 'user?userid=@a:b']) {
    const answer = await user.request('GET', `${V3}/thirdparty/${path}`);
    expect([path, answer.status, answer.body.errcode]).toEqual([path, 404, 'M_NOT_FOUND']);
  }
  for (const path of ['register', 'account/password', 'account/3pid']) {
    for (const medium of ['email', 'msisdn']) {
      const answer = await server.request('POST', `${V3}/${path}/${medium}/requestToken`, { body: {} });
      expect([answer.status, answer.body.errcode]).toEqual([403, 'M_THREEPID_DENIED']);
    }
  }
  for (const path of ['account/3pid', 'account/3pid/add', 'account/3pid/bind']) {
    expect((await user.request('POST', `${V3}/${path}`, { body: {} })).status).toBe(403);
  }
  expect((await server.request('GET', `${V3}/login/sso/redirect/x?redirectUrl=y`)).status).toBe(404);
});
