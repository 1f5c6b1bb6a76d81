import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestServer, TestUser } from '../../src/testing/create-test-server.ts';
import { createTestServer } from '../../src/testing/create-test-server.ts';
import { makeDevice } from './signing-device.ts';

const UPLOAD = '/_matrix/client/v3/keys/upload';
const QUERY = '/_matrix/client/v3/keys/query';

describe('uploading keys', () => {
  let server: TestServer;
  let alice: TestUser;
  let bob: TestUser;

  beforeAll(async () => {
    server = await createTestServer();
    alice = await server.register('alice');
    bob = await server.register('bob');
  });

  afterAll(() => server.close());

  it('publishes identity keys with the display name of the device', async () => {
    const login = await server.request('POST', '/_matrix/client/v3/login', {
      body: {
        type: 'm.login.password',
        identifier: { type: 'm.id.user', user: 'alice' },
        password: alice.password,
        initial_device_display_name: 'Phone',
      },
    });
    const phone = { userId: alice.userId, deviceId: String(login.body.device_id) };
    const device = makeDevice(phone);
    await server.request('POST', UPLOAD, {
      token: String(login.body.access_token),
      body: { device_keys: device.deviceKeys() },
    });
    const answer = await bob.ok('POST', QUERY, {
      device_keys: { [alice.userId]: [], '@nobody:elsewhere.invalid': [] },
    });
    const keys = answer.device_keys[alice.userId][phone.deviceId];
    expect(keys).toEqual({ ...device.deviceKeys(), unsigned: { device_display_name: 'Phone' } });
    expect(Object.keys(answer.failures)).toEqual(['elsewhere.invalid']);
    const other = await bob.ok('POST', QUERY, { device_keys: { [alice.userId]: ['OTHER'] } });
    expect(other.device_keys[alice.userId]).toEqual({});
  });

  const cases: readonly [string, (own: ReturnType<typeof makeDevice>) => object, string][] = [
    [
      'device keys of another user',
      (own) => ({ device_keys: { ...own.deviceKeys(), user_id: '@x:y' } }),
      'M_INVALID_PARAM',
    ],
    [
      'device keys of another device',
      (own) => ({ device_keys: { ...own.deviceKeys(), device_id: 'X' } }),
      'M_INVALID_PARAM',
    ],
    [
      'changed device keys',
      (own) => ({ device_keys: { ...own.deviceKeys(), algorithms: [] } }),
      'M_INVALID_PARAM',
    ],
    [
      'unsigned device keys',
      (own) => ({ device_keys: { ...own.deviceKeys(), signatures: {} } }),
      'M_INVALID_PARAM',
    ],
    ['device keys that are a list', () => ({ device_keys: [] }), 'M_BAD_JSON'],
    [
      'an unsigned one-time key',
      () => ({ one_time_keys: { 'signed_curve25519:A': { key: 'AAAA' } } }),
      'M_INVALID_PARAM',
    ],
    [
      'a bare key of a signed algorithm',
      () => ({ one_time_keys: { 'chat.nyx.otk.v1:A': 'AAAA' } }),
      'M_INVALID_PARAM',
    ],
    [
      'an unsigned signed prekey',
      () => ({ fallback_keys: { 'chat.nyx.spk.v1:A': { key: 'AAAA', fallback: true } } }),
      'M_INVALID_PARAM',
    ],
    [
      'a key signed by another device',
      () => ({ one_time_keys: makeDevice(alice).oneTimeKeys(1, 'x') }),
      'M_INVALID_PARAM',
    ],
    [
      'an id with two colons',
      (own) => ({ one_time_keys: { 'signed_curve25519:A:B': own.oneTimeKey('x') } }),
      'M_INVALID_PARAM',
    ],
    [
      'an id without a colon',
      (own) => ({ one_time_keys: { signed_curve25519: own.oneTimeKey('x') } }),
      'M_INVALID_PARAM',
    ],
    ['a key that is a number', () => ({ one_time_keys: { 'curve25519:A': 5 } }), 'M_BAD_JSON'],
    ['keys that are a list', () => ({ one_time_keys: [] }), 'M_BAD_JSON'],
    [
      '10,000 keys',
      () => ({
        one_time_keys: Object.fromEntries(
          Array.from({ length: 10_000 }, (_, at) => [`curve25519:${at}`, 'A']),
        ),
      }),
      'M_INVALID_PARAM',
    ],
    ['a huge key', () => ({ one_time_keys: { 'curve25519:A': 'A'.repeat(20_000) } }), 'M_INVALID_PARAM'],
    [
      'two fallback keys of one algorithm',
      (own) => ({ fallback_keys: { ...own.fallbackKey('a'), ...own.fallbackKey('b') } }),
      'M_INVALID_PARAM',
    ],
  ];

  it.each(cases)('refuses %s and stores nothing of the request', async (_name, body, errcode) => {
    const fresh = await server.login(alice);
    const mine = makeDevice(fresh);
    await fresh.ok('POST', UPLOAD, { device_keys: mine.deviceKeys() });
    const answer = await fresh.request('POST', UPLOAD, { body: body(mine) });
    expect([answer.status, answer.body.errcode]).toEqual([400, errcode]);
    expect((await fresh.ok('POST', UPLOAD, {})).one_time_key_counts).toEqual({});
    const keys = await bob.ok('POST', QUERY, { device_keys: { [alice.userId]: [fresh.deviceId] } });
    expect(keys.device_keys[alice.userId][fresh.deviceId]).toEqual(mine.deviceKeys());
  });

  it('takes plain keys of algorithms that demand no signature', async () => {
    const fresh = await server.login(alice);
    const answer = await fresh.ok('POST', UPLOAD, { one_time_keys: { 'my_algorithm:1': 'bytes' } });
    expect(answer.one_time_key_counts).toEqual({ my_algorithm: 1 });
  });

  it('forgets the keys of a device whose removal was cut short by a crash', async () => {
    const gone = await server.login(alice);
    const mine = makeDevice(gone);
    await gone.ok('POST', UPLOAD, {
      device_keys: mine.deviceKeys(),
      one_time_keys: mine.oneTimeKeys(2, 'cut'),
    });
    // As far as a process came that was killed between the two.
    const { accounts, foundation } = server.server.context;
    expect(await accounts.devices.remove(alice.userId, [gone.deviceId])).toEqual([gone.deviceId]);
    foundation.relay.poke();
    const published = async () => {
      const keys = await bob.ok('POST', QUERY, { device_keys: { [alice.userId]: [gone.deviceId] } });
      return Object.keys(keys.device_keys[alice.userId]);
    };
    await expect.poll(published).toEqual([]);
  });

  it('forgets the keys of a device that logs out', async () => {
    const gone = await server.login(alice);
    const mine = makeDevice(gone);
    await gone.ok('POST', UPLOAD, {
      device_keys: mine.deviceKeys(),
      one_time_keys: mine.oneTimeKeys(5, 'gone'),
    });
    await gone.ok('POST', '/_matrix/client/v3/logout', {});
    const keys = await bob.ok('POST', QUERY, { device_keys: { [alice.userId]: [gone.deviceId] } });
    expect(keys.device_keys[alice.userId]).toEqual({});
    const claim = { one_time_keys: { [alice.userId]: { [gone.deviceId]: 'signed_curve25519' } } };
    expect((await bob.ok('POST', '/_matrix/client/v3/keys/claim', claim)).one_time_keys).toEqual({});
  });
});
