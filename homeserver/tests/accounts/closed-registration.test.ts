import { afterAll, beforeAll, expect, it } from 'vitest';
import type { TestServer } from '../../src/testing/create-test-server.ts';
import { createTestServer } from '../../src/testing/create-test-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await createTestServer({ config: { registration: { open: false } } });
});
afterAll(() => server.close());

const REGISTER = '/_matrix/client/v3/register';
const TOKENS = '/_synapse/admin/v1/registration_tokens';

const register = (username: string, token?: string) =>
  server.request('POST', REGISTER, {
    body: {
      username,
      password: 'password',
      auth: token === undefined ? { type: 'm.login.dummy' } : { type: 'm.login.registration_token', token },
    },
  });

it('takes the first token for the first, administrating user, and tokens of theirs after', async () => {
  const refused = await register('anybody');
  expect(refused.status).toBe(401);
  expect(refused.body.flows).toEqual([{ stages: ['m.login.registration_token'] }]);

  const { firstAdminToken } = server.server.context.accounts;
  const first = await firstAdminToken();
  expect(await firstAdminToken()).toBe(first);
  const made = await register('founder', first);
  expect(made.status).toBe(200);
  expect((await register('second', first)).status).toBe(401);
  expect(await firstAdminToken()).toBeUndefined();

  const admin = { token: made.body.access_token as string };
  const created = await server.request('POST', `${TOKENS}/new`, {
    ...admin,
    body: { token: 'friends', uses_allowed: 1 },
  });
  expect(created.body).toMatchObject({ token: 'friends', uses_allowed: 1, completed: 0 });
  const validity = (token: string) =>
    server.request('GET', `/_matrix/client/v1/register/m.login.registration_token/validity?token=${token}`);
  expect((await validity('friends')).body).toEqual({ valid: true });

  // One use, two at once: one gets in, and a taken name does not use the token up.
  expect((await register('founder', 'friends')).status).toBe(400);
  const both = await Promise.all([register('friend1', 'friends'), register('friend2', 'friends')]);
  expect(both.filter(({ status }) => status === 200)).toHaveLength(1);
  expect((await validity('friends')).body).toEqual({ valid: false });

  const friend = both.find(({ status }) => status === 200)?.body.access_token as string;
  expect((await server.request('GET', TOKENS, { token: friend })).status).toBe(403);
  expect((await server.request('GET', TOKENS, admin)).body.registration_tokens).toHaveLength(1);
  expect((await server.request('DELETE', `${TOKENS}/friends`, admin)).status).toBe(200);
  expect((await server.request('GET', `${TOKENS}/friends`, admin)).status).toBe(404);
  // Tokens in paths and queries stay out of the log.
  expect(JSON.stringify(server.logLines)).not.toContain('friends');
});
