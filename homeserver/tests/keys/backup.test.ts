import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestServer, TestUser } from '../../src/testing/create-test-server.ts';
import { createTestServer } from '../../src/testing/create-test-server.ts';

const BASE = '/_matrix/client/v3/room_keys';
const ROOM = '!room:example.org';
const key = (mark: string, over: object = {}) => ({
  first_message_index: 4,
  forwarded_count: 2,
  is_verified: false,
  session_data: { ciphertext: mark },
  ...over,
});

describe('key backup', () => {
  let server: TestServer;
  let alice: TestUser;
  const version = { algorithm: 'm.megolm_backup.v1.curve25519-aes-sha2', auth_data: { public_key: 'A' } };
  const path = (tail: string, of: string) => `${BASE}/keys${tail}?version=${of}`;
  const room = encodeURIComponent(ROOM);

  beforeAll(async () => {
    server = await createTestServer();
    alice = await server.register('alice');
  });

  afterAll(() => server.close());

  it('runs through the life of a backup', async () => {
    expect((await alice.request('GET', `${BASE}/version`)).status).toBe(404);
    const { version: one } = await alice.ok('POST', `${BASE}/version`, version);
    const put = await alice.ok('PUT', path(`/${room}/S1`, one), key('one'));
    expect(put.count).toBe(1);
    await alice.ok('PUT', path(`/${room}`, one), { sessions: { S2: key('two') } });
    const last = await alice.ok('PUT', path('', one), {
      rooms: { '!other:example.org': { sessions: { S3: key('three') } } },
    });
    expect([last.count, last.etag]).toEqual([3, '3']);
    expect(await alice.ok('GET', `${BASE}/version`)).toEqual({
      ...version,
      version: one,
      count: 3,
      etag: '3',
    });
    expect(await alice.ok('GET', path(`/${room}/S1`, one))).toEqual(key('one'));
    expect(Object.keys((await alice.ok('GET', path(`/${room}`, one))).sessions)).toEqual(['S1', 'S2']);
    expect(Object.keys((await alice.ok('GET', path('', one))).rooms)).toHaveLength(2);
    expect((await alice.ok('DELETE', path(`/${room}/S1`, one))).count).toBe(2);
    expect((await alice.ok('DELETE', path(`/${room}`, one))).count).toBe(1);
    expect((await alice.ok('DELETE', path('', one))).count).toBe(0);
    expect((await alice.request('GET', path(`/${room}/S1`, one))).status).toBe(404);
    await alice.ok('PUT', `${BASE}/version/${one}`, { ...version, auth_data: { public_key: 'B' } });
    expect((await alice.ok('GET', `${BASE}/version/${one}`)).auth_data).toEqual({ public_key: 'B' });
    const wrong = await alice.request('PUT', `${BASE}/version/${one}`, {
      body: { ...version, algorithm: 'other' },
    });
    expect(wrong.status).toBe(400);
    const { version: two } = await alice.ok('POST', `${BASE}/version`, version);
    const old = await alice.request('PUT', path(`/${room}/S1`, one), { body: key('old') });
    expect([old.status, old.body.errcode, old.body.current_version]).toEqual([
      403,
      'M_WRONG_ROOM_KEYS_VERSION',
      two,
    ]);
    await alice.ok('DELETE', `${BASE}/version/${two}`);
    expect((await alice.ok('GET', `${BASE}/version`)).version).toBe(one);
    expect((await alice.request('DELETE', `${BASE}/version/${two}`)).status).toBe(404);
  });

  it.each([
    ['verified over unverified', { is_verified: true, first_message_index: 9 }, true],
    ['a lower index', { first_message_index: 3, forwarded_count: 9 }, true],
    ['fewer forwards', { forwarded_count: 1 }, true],
    ['the same', {}, false],
    ['a higher index', { first_message_index: 5, forwarded_count: 0 }, false],
  ])('prefers %s', async (_name, over, replaces) => {
    const { version: of } = await alice.ok('POST', `${BASE}/version`, version);
    await alice.ok('PUT', path(`/${room}/S`, of), key('before'));
    await alice.ok('PUT', path(`/${room}/S`, of), key('after', over));
    const kept = await alice.ok('GET', path(`/${room}/S`, of));
    expect(kept.session_data.ciphertext).toBe(replaces ? 'after' : 'before');
  });

  it.each([
    ['no version', 'PUT', `${BASE}/keys/${room}/S`, key('x'), 400],
    ['an unknown version', 'PUT', `${BASE}/keys/${room}/S?version=999`, key('x'), 403],
    ['a broken key', 'PUT', `${BASE}/keys/${room}/S?version=1`, { session_data: 5 }, 400],
    [
      'a negative index',
      'PUT',
      `${BASE}/keys/${room}/S?version=1`,
      key('x', { first_message_index: -1 }),
      400,
    ],
  ])('refuses %s', async (_name, method, url, body, status) => {
    expect((await alice.request(method, url, { body })).status).toBe(status);
  });
});
