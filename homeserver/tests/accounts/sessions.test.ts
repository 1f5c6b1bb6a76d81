import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestServer } from '../../src/testing/create-test-server.ts';
import { createTestServer } from '../../src/testing/create-test-server.ts';

let server: TestServer;
let now = 1_700_000_000_000;

beforeAll(async () => {
  server = await createTestServer({ platform: { clock: { now: () => now } } });
});
afterAll(() => server.close());

const REGISTER = '/_matrix/client/v3/register';
const LOGIN = '/_matrix/client/v3/login';

describe('registration', () => {
  it('takes one request with the dummy stage and no session', async () => {
    const alice = await server.register('alice', { deviceId: 'PHONE' });
    expect(alice.userId).toBe('@alice:localhost');
    const me = await alice.ok('GET', '/_matrix/client/v3/account/whoami');
    expect(me).toEqual({ user_id: '@alice:localhost', device_id: 'PHONE', is_guest: false });
  });

  it('goes through stages, and uses a session once', async () => {
    const body = { username: 'staged', password: 'pw' };
    const challenge = await server.request('POST', REGISTER, { body });
    expect(challenge.status).toBe(401);
    expect(challenge.body.flows).toContainEqual({ stages: ['m.login.dummy'] });
    const auth = { type: 'm.login.dummy', session: challenge.body.session as string };
    const made = await server.request('POST', REGISTER, { body: { ...body, auth } });
    expect(made.status).toBe(200);
    const again = await server.request('POST', REGISTER, { body: { ...body, username: 'staged2', auth } });
    expect(again.status).toBe(400);
  });

  it('folds capitals, and refuses bad and taken names before anybody authenticates', async () => {
    const folded = await server.request('POST', REGISTER, {
      body: { username: 'Carol', password: 'pw', auth: { type: 'm.login.dummy' }, inhibit_login: true },
    });
    expect(folded.body).toEqual({ user_id: '@carol:localhost' });
    const taken = await server.request('POST', REGISTER, { body: { username: 'carol', password: 'pw' } });
    expect([taken.status, taken.body.errcode]).toEqual([400, 'M_USER_IN_USE']);
    for (const username of ['with space', 'ünicode', '_bridge', '', 'a'.repeat(250)]) {
      const bad = await server.request('POST', REGISTER, { body: { username, password: 'pw' } });
      expect([username, bad.status, bad.body.errcode]).toEqual([username, 400, 'M_INVALID_USERNAME']);
    }
  });

  it('makes names up, and refuses guests', async () => {
    const made = await server.request('POST', REGISTER, {
      body: { password: 'pw', auth: { type: 'm.login.dummy' } },
    });
    expect(made.status).toBe(200);
    const guest = await server.request('POST', `${REGISTER}?kind=guest`, { body: {} });
    expect([guest.status, guest.body.errcode]).toEqual([403, 'M_FORBIDDEN']);
  });

  it('gives one of two simultaneous registrations the name', async () => {
    const body = { username: 'race', password: 'pw', auth: { type: 'm.login.dummy' } };
    const both = await Promise.all([1, 2].map(() => server.request('POST', REGISTER, { body })));
    expect(both.map(({ status }) => status).toSorted()).toEqual([200, 400]);
  });
});

describe('login', () => {
  it('takes the whole id, the name in any case and the deprecated key', async () => {
    const user = await server.register('login');
    for (const identified of [
      { identifier: { type: 'm.id.user', user: '@login:localhost' } },
      { identifier: { type: 'm.id.user', user: 'LOGIN' } },
      { user: 'login' },
    ]) {
      const answer = await server.request('POST', LOGIN, {
        body: { type: 'm.login.password', password: user.password, ...identified },
      });
      expect(answer.status).toBe(200);
    }
  });

  it('says no more of a wrong password than of an unknown user', async () => {
    await server.register('secretive');
    const attempt = (user: string) =>
      server.request('POST', LOGIN, {
        body: { type: 'm.login.password', identifier: { type: 'm.id.user', user }, password: 'wrong' },
      });
    const [wrong, unknown] = [await attempt('secretive'), await attempt('nobody')];
    expect(wrong.status).toBe(403);
    expect(wrong.body).toEqual(unknown.body);
  });

  it('ends the former session of a device that logs in again', async () => {
    const user = await server.register('twice', { deviceId: 'ONE' });
    const again = await server.login(user, 'ONE');
    expect((await user.request('GET', '/_matrix/client/v3/account/whoami')).status).toBe(401);
    expect((await again.ok('GET', '/_matrix/client/v3/account/whoami')).device_id).toBe('ONE');
  });

  it('logs in elsewhere with a token, once, after the password was confirmed', async () => {
    const user = await server.register('tokens');
    const path = '/_matrix/client/v1/login/get_token';
    const challenge = await user.request('POST', path, { body: {} });
    expect(challenge.status).toBe(401);
    const auth = {
      type: 'm.login.password',
      identifier: { type: 'm.id.user', user: 'tokens' },
      password: user.password,
      session: challenge.body.session as string,
    };
    const { login_token: token } = (await user.ok('POST', path, { auth })) as { login_token: string };
    const use = () => server.request('POST', LOGIN, { body: { type: 'm.login.token', token } });
    expect((await use()).status).toBe(200);
    expect((await use()).status).toBe(403);
  });
});

describe('sessions', () => {
  it('ends at logout, at once and for all processes', async () => {
    await using second = await createTestServer({ sameAs: server });
    await expect.poll(() => second.server.context.foundation.bus.hasPeers, { timeout: 25_000 }).toBe(true);
    const user = await server.register('leaver');
    const whoami = () => second.request('GET', '/_matrix/client/v3/account/whoami', { token: user.token });
    expect((await whoami()).status).toBe(200);
    await user.ok('POST', '/_matrix/client/v3/logout', {});
    await expect.poll(async () => (await whoami()).status, { timeout: 25_000 }).toBe(401);
    const gone = await user.request('GET', '/_matrix/client/v3/account/whoami');
    expect([gone.status, gone.body.errcode]).toEqual([401, 'M_UNKNOWN_TOKEN']);
  });

  it('logs all devices out', async () => {
    const one = await server.register('many');
    const two = await server.login(one);
    await one.ok('POST', '/_matrix/client/v3/logout/all', {});
    for (const device of [one, two]) {
      expect((await device.request('GET', '/_matrix/client/v3/account/whoami')).status).toBe(401);
    }
  });

  it('expires access tokens softly, and refreshes them', async () => {
    await server.register('refresher');
    const login = await server.request('POST', LOGIN, {
      body: {
        type: 'm.login.password',
        identifier: { type: 'm.id.user', user: 'refresher' },
        password: 'correct horse battery staple',
        refresh_token: true,
      },
    });
    const first = login.body as { access_token: string; refresh_token: string; expires_in_ms: number };
    const whoami = async (token: string) =>
      (await server.request('GET', '/_matrix/client/v3/account/whoami', { token })).status;
    const refresh = (token: string) =>
      server.request('POST', '/_matrix/client/v3/refresh', { body: { refresh_token: token } });
    expect(await whoami(first.access_token)).toBe(200);
    now += first.expires_in_ms + 1;
    const expired = await server.request('GET', '/_matrix/client/v3/account/whoami', {
      token: first.access_token,
    });
    expect([expired.status, expired.body.errcode, expired.body.soft_logout]).toEqual([
      401,
      'M_UNKNOWN_TOKEN',
      true,
    ]);

    // The answer to the first refresh is lost: the old refresh token still works.
    expect((await refresh(first.refresh_token)).status).toBe(200);
    const second = (await refresh(first.refresh_token)).body as typeof first;
    expect(await whoami(second.access_token)).toBe(200);
    // The new token has been used, so the old one is spent.
    const spent = await refresh(first.refresh_token);
    expect([spent.status, spent.body.errcode]).toEqual([401, 'M_UNKNOWN_TOKEN']);
    expect((await refresh(second.refresh_token)).status).toBe(200);
  });
});
