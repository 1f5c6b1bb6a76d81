import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestServer, TestUser } from '../../src/testing/create-test-server.ts';
import { createTestServer } from '../../src/testing/create-test-server.ts';

let server: TestServer;
let admin: TestUser;

const V3 = '/_matrix/client/v3';
const SECRET = 'a shared secret';

const makeBySecret = async (username: string, isAdmin: boolean, secret = SECRET) => {
  const path = '/_synapse/admin/v1/register';
  const { nonce } = (await server.request('GET', path)).body as { nonce: string };
  const fields = [nonce, username, 'secret password', isAdmin ? 'admin' : 'notadmin'];
  const mac = createHmac('sha1', secret).update(fields.join('\0')).digest('hex');
  const body = { nonce, username, password: 'secret password', admin: isAdmin, mac };
  return { body, answer: await server.request('POST', path, { body }) };
};

/** The password stage for a user, in the session that a challenge began. */
const proof = (
  user: TestUser,
  challenge: { readonly body: { readonly session: string } },
  password = user.password,
) => ({
  type: 'm.login.password',
  identifier: { type: 'm.id.user', user: user.userId },
  password,
  session: challenge.body.session,
});

beforeAll(async () => {
  server = await createTestServer({ config: { registration: { sharedSecret: SECRET } } });
  const { answer } = await makeBySecret('root', true);
  const token = answer.body.access_token as string;
  const request: TestUser['request'] = (method, path, options) =>
    server.request(method, path, { token, ...options });
  admin = {
    userId: answer.body.user_id as string,
    deviceId: answer.body.device_id as string,
    token,
    password: 'secret password',
    request,
    ok: async (method, path, body) => {
      const reply = await request(method, path, body === undefined ? {} : { body });
      if (reply.status !== 200)
        throw new Error(`${method} ${path}: ${reply.status} ${JSON.stringify(reply.body)}`);
      return reply.body;
    },
  };
});
afterAll(() => server.close());

describe('shared-secret registration', () => {
  it('makes users for whoever knows the secret, once per nonce', async () => {
    const { body, answer } = await makeBySecret('tool', false);
    expect(answer.body.user_id).toBe('@tool:localhost');
    const again = await server.request('POST', '/_synapse/admin/v1/register', { body });
    expect(again.status).toBe(400);
    const wrong = await makeBySecret('thief', true, 'a guess');
    expect([wrong.answer.status, wrong.answer.body.errcode]).toEqual([403, 'M_FORBIDDEN']);
  });
});

describe('devices', () => {
  it('are listed, renamed, and deleted after the password was given', async () => {
    const user = await server.register('owner', { deviceId: 'FIRST' });
    const second = await server.login(user, 'SECOND');
    await second.ok('GET', `${V3}/account/whoami`);
    await user.ok('PUT', `${V3}/devices/SECOND`, { display_name: 'Kitchen' });
    const { devices } = await user.ok('GET', `${V3}/devices`);
    expect(devices).toHaveLength(2);
    const renamed = await user.ok('GET', `${V3}/devices/SECOND`);
    expect(renamed).toMatchObject({
      device_id: 'SECOND',
      display_name: 'Kitchen',
      last_seen_ip: '127.0.0.1',
    });

    const challenge = await user.request('DELETE', `${V3}/devices/SECOND`);
    expect(challenge.status).toBe(401);
    const wrong = await user.request('DELETE', `${V3}/devices/SECOND`, {
      body: { auth: proof(user, challenge, 'wrong') },
    });
    expect([wrong.status, wrong.body.errcode]).toEqual([401, 'M_FORBIDDEN']);
    await user.ok('DELETE', `${V3}/devices/SECOND`, { auth: proof(user, challenge) });
    expect((await second.request('GET', `${V3}/account/whoami`)).status).toBe(401);
    expect((await user.request('GET', `${V3}/devices/SECOND`)).status).toBe(404);
    expect((await user.request('PUT', `${V3}/devices/SECOND`, { body: { display_name: 'x' } })).status).toBe(
      404,
    );
  });

  it('of others cannot be deleted by an authentication begun for oneself', async () => {
    const [mallory, victim] = [await server.register('mallory'), await server.register('victim')];
    const challenge = await mallory.request('POST', `${V3}/delete_devices`, { body: { devices: ['X'] } });
    const stolen = await victim.request('POST', `${V3}/delete_devices`, {
      body: { devices: ['X'], auth: proof(mallory, challenge) },
    });
    expect(stolen.status).toBe(400);
    const bulk = await mallory.request('POST', `${V3}/delete_devices`, {
      body: { devices: [mallory.deviceId], auth: proof(mallory, challenge) },
    });
    expect(bulk.status).toBe(200);
    expect((await mallory.request('GET', `${V3}/account/whoami`)).status).toBe(401);
  });
});

describe('password and end of an account', () => {
  it('changes the password and logs the other devices out', async () => {
    const user = await server.register('changer');
    const other = await server.login(user);
    const challenge = await user.request('POST', `${V3}/account/password`, {
      body: { new_password: 'new password' },
    });
    await user.ok('POST', `${V3}/account/password`, {
      new_password: 'new password',
      auth: proof(user, challenge),
    });
    expect((await other.request('GET', `${V3}/account/whoami`)).status).toBe(401);
    expect((await user.request('GET', `${V3}/account/whoami`)).status).toBe(200);
    await expect(server.login(user)).rejects.toThrow('403');
    await server.login({ ...user, password: 'new password' });
  });

  it('is deactivated for ever', async () => {
    const user = await server.register('quitter');
    const told: string[] = [];
    server.server.context.accounts.observers.accounts.push({
      deactivated: async (userId) => void told.push(userId),
    });
    await user.ok('PUT', `${V3}/profile/${user.userId}/displayname`, { displayname: 'Quit' });
    const challenge = await user.request('POST', `${V3}/account/deactivate`, { body: {} });
    const done = await user.ok('POST', `${V3}/account/deactivate`, {
      auth: proof(user, challenge),
      erase: true,
    });
    expect(done).toEqual({ id_server_unbind_result: 'no-support' });
    expect((await user.request('GET', `${V3}/account/whoami`)).status).toBe(401);
    const login = await server.request('POST', `${V3}/login`, {
      body: { type: 'm.login.password', user: 'quitter', password: user.password },
    });
    expect([login.status, login.body.errcode]).toEqual([403, 'M_USER_DEACTIVATED']);
    expect((await server.request('GET', `${V3}/profile/${user.userId}`)).status).toBe(404);
    await expect(server.register('quitter')).rejects.toThrow('M_USER_IN_USE');
    await expect.poll(() => told, { timeout: 25_000 }).toEqual([user.userId]);
  });
});

describe('profiles', () => {
  it('hold names, pictures and fields of any kind', async () => {
    const user = await server.register('profiled');
    const path = `${V3}/profile/${encodeURIComponent(user.userId)}`;
    expect(await user.ok('GET', path)).toEqual({});
    await user.ok('PUT', `${path}/displayname`, { displayname: 'Profiled' });
    await user.ok('PUT', `${path}/avatar_url`, { avatar_url: 'mxc://localhost/picture' });
    await user.ok('PUT', `${path}/m.tz`, { 'm.tz': 'Europe/Berlin' });
    await user.ok('PUT', `${path}/org.example.pets`, { 'org.example.pets': [{ $name: 'Rex' }] });
    expect(await user.ok('GET', path)).toEqual({
      displayname: 'Profiled',
      avatar_url: 'mxc://localhost/picture',
      'm.tz': 'Europe/Berlin',
      'org.example.pets': [{ $name: 'Rex' }],
    });
    await user.ok('DELETE', `${path}/m.tz`);
    expect((await user.request('GET', `${path}/m.tz`)).status).toBe(404);
    await user.ok('PUT', `${path}/displayname`, { displayname: '' });
    expect(await user.ok('GET', path)).not.toHaveProperty('displayname');
  });

  it('refuse what does not fit, and other people', async () => {
    const [user, other] = [await server.register('strict'), await server.register('meddler')];
    const path = `${V3}/profile/${user.userId}`;
    const put = async (key: string, body: object, who = user) => {
      const { status, body: answer } = await who.request('PUT', `${path}/${key}`, { body });
      return [status, answer.errcode];
    };
    expect(await put('displayname', { displayname: 'x' }, other)).toEqual([403, 'M_FORBIDDEN']);
    expect(await put('displayname', {})).toEqual([400, 'M_MISSING_PARAM']);
    expect(await put('displayname', { displayname: 7 })).toEqual([400, 'M_INVALID_PARAM']);
    expect(await put('avatar_url', { avatar_url: 'https://example.org' })).toEqual([400, 'M_INVALID_PARAM']);
    expect(await put('Not-A-Key', { 'Not-A-Key': 1 })).toEqual([400, 'M_INVALID_PARAM']);
    const long = `a.${'b'.repeat(300)}`;
    expect(await put(long, { [long]: 1 })).toEqual([400, 'M_KEY_TOO_LARGE']);
    expect(await put('a.b', { 'a.b': 'x'.repeat(65_600) })).toEqual([400, 'M_PROFILE_TOO_LARGE']);
    expect((await user.request('GET', `${V3}/profile/@nobody:localhost`)).status).toBe(404);
    expect((await user.request('GET', `${V3}/profile/nobody`)).status).toBe(400);
  });
});

describe('account data', () => {
  it('is kept globally and per room, and changes move in the stream', async () => {
    const user = await server.register('keeper');
    const { accountData, authenticator } = server.server.context.accounts;
    const { stream } = server.server.context.foundation;
    expect(authenticator.cachedSessions).toBeGreaterThan(0);
    const base = `${V3}/user/${user.userId}`;
    await user.ok('PUT', `${base}/account_data/org.example.first`, {});
    const before = stream.mark();
    await user.ok('PUT', `${base}/account_data/org.example.x`, { 'a.b$c': 1 });
    await user.ok('PUT', `${base}/rooms/!room:localhost/account_data/org.example.x`, { in: 'room' });
    expect(await user.ok('GET', `${base}/account_data/org.example.x`)).toEqual({ 'a.b$c': 1 });
    expect(await user.ok('GET', `${base}/rooms/!room:localhost/account_data/org.example.x`)).toEqual({
      in: 'room',
    });
    const changes = await accountData.changes(user.userId, before, stream.mark());
    expect(changes.map(({ roomId, content }) => [roomId, content])).toEqual([
      ['', { 'a.b$c': 1 }],
      ['!room:localhost', { in: 'room' }],
    ]);
    await user.ok('PUT', `${base}/account_data/org.example.x`, { changed: true });
    const later = await accountData.changes(user.userId, changes[1]?.position ?? 0, stream.mark());
    expect(later.map(({ content }) => content)).toEqual([{ changed: true }]);
  });

  it('refuses others, what the server controls, and what is not there', async () => {
    const [user, other] = [await server.register('private'), await server.register('curious')];
    const path = `${V3}/user/${user.userId}/account_data`;
    expect((await other.request('GET', `${path}/x`)).status).toBe(403);
    expect((await other.request('PUT', `${path}/x`, { body: {} })).status).toBe(403);
    expect((await user.request('GET', `${path}/x`)).status).toBe(404);
    for (const type of ['m.push_rules', 'm.fully_read']) {
      const answer = await user.request('PUT', `${path}/${type}`, { body: {} });
      expect([answer.status, answer.body.errcode]).toEqual([405, 'M_BAD_JSON']);
    }
    const list = await user.request('PUT', `${path}/x`, { rawBody: '[]' });
    expect([list.status, list.body.errcode]).toEqual([400, 'M_BAD_JSON']);
    const junk = await user.request('PUT', `${path}/x`, { rawBody: '{' });
    expect([junk.status, junk.body.errcode]).toEqual([400, 'M_NOT_JSON']);
  });

  it('has tags, changed by several at once without losing any', async () => {
    const user = await server.register('tagger');
    const path = `${V3}/user/${user.userId}/rooms/!room:localhost/tags`;
    await Promise.all(
      [0, 1, 2, 3, 4].map((index) => user.ok('PUT', `${path}/u.tag${index}`, { order: index / 10 })),
    );
    expect(Object.keys((await user.ok('GET', path)).tags as object)).toHaveLength(5);
    await user.ok('DELETE', `${path}/u.tag0`);
    expect((await user.ok('GET', path)).tags).not.toHaveProperty('u.tag0');
    expect((await user.request('PUT', `${path}/u.bad`, { body: { order: 2 } })).status).toBe(400);
  });
});

describe('filters', () => {
  it('come back as they were stored, under one id', async () => {
    const user = await server.register('filterer');
    const path = `${V3}/user/${user.userId}/filter`;
    const filter = { room: { timeline: { limit: 5, types: ['m.*'] } }, 'org.example': { kept: true } };
    const { filter_id: id } = (await user.ok('POST', path, filter)) as { filter_id: string };
    expect((await user.ok('POST', path, filter)).filter_id).toBe(id);
    expect(await user.ok('GET', `${path}/${id}`)).toEqual(filter);
    expect((await user.request('GET', `${path}/none`)).status).toBe(404);
    for (const bad of [
      { room: 'x' },
      { room: { timeline: { limit: -1 } } },
      { room: { rooms: ['x'] } },
      [],
    ]) {
      expect((await user.request('POST', path, { rawBody: JSON.stringify(bad) })).status).toBe(400);
    }
  });
});

describe('moderation', () => {
  it('lets administrators suspend and lock, and nobody else', async () => {
    const user = await server.register('troll');
    const suspend = `/_matrix/client/v1/admin/suspend/${user.userId}`;
    const lock = `/_matrix/client/v1/admin/lock/${user.userId}`;
    expect((await user.request('PUT', suspend, { body: { suspended: true } })).status).toBe(403);
    expect(await admin.ok('PUT', suspend, { suspended: true })).toEqual({ suspended: true });
    expect(await admin.ok('GET', suspend)).toEqual({ suspended: true });
    const rename = await user.request('PUT', `${V3}/profile/${user.userId}/displayname`, {
      body: { displayname: 'x' },
    });
    expect([rename.status, rename.body.errcode]).toEqual([403, 'M_USER_SUSPENDED']);

    await admin.ok('PUT', lock, { locked: true });
    const locked = await user.request('GET', `${V3}/account/whoami`);
    expect([locked.status, locked.body.errcode, locked.body.soft_logout]).toEqual([
      401,
      'M_USER_LOCKED',
      true,
    ]);
    expect(await admin.ok('GET', lock)).toEqual({ locked: true });
    await admin.ok('PUT', lock, { locked: false });
    expect((await user.request('GET', `${V3}/account/whoami`)).status).toBe(200);
    await admin.ok('PUT', lock, { locked: true });
    expect((await user.request('POST', `${V3}/logout`)).status).toBe(200);

    expect(
      (
        await admin.request('PUT', `/_matrix/client/v1/admin/lock/${admin.userId}`, {
          body: { locked: true },
        })
      ).status,
    ).toBe(403);
    expect((await admin.request('GET', '/_matrix/client/v1/admin/lock/@x:elsewhere')).status).toBe(400);
    expect((await admin.request('GET', '/_matrix/client/v1/admin/lock/@nobody:localhost')).status).toBe(404);
  });

  it('shows where somebody was to administrators and to themselves', async () => {
    const user = await server.register('seen', { deviceId: 'EYE' });
    const path = `${V3}/admin/whois/${user.userId}`;
    await user.ok('GET', `${V3}/account/whoami`);
    expect((await admin.ok('GET', path)).devices.EYE.sessions[0].connections[0].ip).toBe('127.0.0.1');
    expect((await user.request('GET', path)).status).toBe(200);
    expect((await user.request('GET', `${V3}/admin/whois/${admin.userId}`)).status).toBe(403);
  });

  it('tells administrators that they can', async () => {
    const { capabilities } = await admin.ok('GET', `${V3}/capabilities`);
    expect(capabilities['m.account_moderation']).toEqual({ suspend: true, lock: true });
    expect(capabilities['m.room_versions'].default).toBe('12');
  });
});

describe('openid', () => {
  it('gives tokens that another server can check', async () => {
    const user = await server.register('open');
    const made = await user.ok('POST', `${V3}/user/${user.userId}/openid/request_token`, {});
    const check = (token: string) =>
      server.request('GET', `/_matrix/federation/v1/openid/userinfo?access_token=${token}`);
    expect((await check(made.access_token as string)).body).toEqual({ sub: user.userId });
    expect((await check('nonsense')).status).toBe(401);
  });
});

describe('what this server does not have', () => {
  it('answers as switched off', async () => {
    const user = await server.register('plain');
    expect(await user.ok('GET', `${V3}/account/3pid`)).toEqual({ threepids: [] });
    const email = await server.request('POST', `${V3}/register/email/requestToken`, {
      body: { client_secret: 'x', email: 'a@example.org', send_attempt: 1 },
    });
    expect([email.status, email.body.errcode]).toEqual([403, 'M_THREEPID_DENIED']);
    expect((await server.request('GET', '/_matrix/client/v1/auth_metadata')).status).toBe(404);
    expect((await server.request('GET', `${V3}/login/sso/redirect?redirectUrl=x`)).status).toBe(404);
    expect(await user.ok('GET', `${V3}/thirdparty/protocols`)).toEqual({});
  });
});
