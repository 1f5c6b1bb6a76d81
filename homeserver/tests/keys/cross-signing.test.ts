import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestServer, TestUser } from '../../src/testing/create-test-server.ts';
import { createTestServer } from '../../src/testing/create-test-server.ts';
import { makeDevice, makeKeyPair, signedBy } from './signing-device.ts';

const BASE = '/_matrix/client/v3/keys';

/** A user's three cross-signing keys, the lower two signed by the master. */
const makeIdentity = (userId: string) => {
  const master = makeKeyPair();
  const make = (usage: string, { publicKey }: { publicKey: string }) => ({
    user_id: userId,
    usage: [usage],
    keys: { [`ed25519:${publicKey}`]: publicKey },
  });
  const byMaster = (key: ReturnType<typeof make>) =>
    signedBy(key, userId, `ed25519:${master.publicKey}`, master.privateKey);
  const selfSigning = makeKeyPair();
  const userSigning = makeKeyPair();
  return {
    master,
    selfSigning,
    userSigning,
    upload: {
      master_key: make('master', master),
      self_signing_key: byMaster(make('self_signing', selfSigning)),
      user_signing_key: byMaster(make('user_signing', userSigning)),
    },
  };
};

describe('cross-signing', () => {
  let server: TestServer;
  let alice: TestUser;
  let bob: TestUser;
  const query = (viewer: TestUser, of: TestUser) =>
    viewer.ok('POST', `${BASE}/query`, { device_keys: { [of.userId]: [] } });

  beforeAll(async () => {
    server = await createTestServer();
    alice = await server.register('alice');
    bob = await server.register('bob');
  });

  afterAll(() => server.close());

  it('publishes an identity without a second proof, and replaces it only with one', async () => {
    const carol = await server.register('carol');
    const identity = makeIdentity(carol.userId);
    await carol.ok('POST', `${BASE}/device_signing/upload`, identity.upload);
    await carol.ok('POST', `${BASE}/device_signing/upload`, identity.upload);
    const next = makeIdentity(carol.userId);
    const refused = await carol.request('POST', `${BASE}/device_signing/upload`, { body: next.upload });
    expect(refused.status).toBe(401);
    const auth = {
      type: 'm.login.password',
      session: refused.body.session,
      identifier: { type: 'm.id.user', user: carol.userId },
      password: carol.password,
    };
    await carol.ok('POST', `${BASE}/device_signing/upload`, { ...next.upload, auth });
    const answer = await query(bob, carol);
    expect(answer.master_keys[carol.userId]).toEqual(next.upload.master_key);
    expect(answer.self_signing_keys[carol.userId]).toEqual(next.upload.self_signing_key);
    expect(answer.user_signing_keys).toEqual({});
    expect((await query(carol, carol)).user_signing_keys[carol.userId]).toEqual(next.upload.user_signing_key);
  });

  it('keeps signatures for those who may see them', async () => {
    const [a, b] = [makeIdentity(alice.userId), makeIdentity(bob.userId)];
    await alice.ok('POST', `${BASE}/device_signing/upload`, a.upload);
    await bob.ok('POST', `${BASE}/device_signing/upload`, b.upload);
    const device = makeDevice(alice);
    await alice.ok('POST', `${BASE}/upload`, { device_keys: device.deviceKeys() });
    const selfId = `ed25519:${a.selfSigning.publicKey}`;
    const userId = `ed25519:${a.userSigning.publicKey}`;
    const signedDevice = signedBy(device.deviceKeys(), alice.userId, selfId, a.selfSigning.privateKey);
    const signedBob = signedBy(b.upload.master_key, alice.userId, userId, a.userSigning.privateKey);
    const answer = await alice.ok('POST', `${BASE}/signatures/upload`, {
      [alice.userId]: {
        [alice.deviceId]: signedDevice,
        [a.master.publicKey]: device.sign(a.upload.master_key),
      },
      [bob.userId]: { [b.master.publicKey]: signedBob },
    });
    expect(answer.failures).toEqual({});
    const seen = await query(bob, alice);
    expect(seen.device_keys[alice.userId][alice.deviceId].signatures[alice.userId]).toHaveProperty([selfId]);
    expect(seen.master_keys[alice.userId].signatures[alice.userId]).toHaveProperty([
      `ed25519:${alice.deviceId}`,
    ]);
    expect((await query(alice, bob)).master_keys[bob.userId].signatures[alice.userId]).toHaveProperty([
      userId,
    ]);
    expect((await query(bob, bob)).master_keys[bob.userId].signatures).toBeUndefined();
  });

  it('refuses forged signatures one by one', async () => {
    const mallory = makeKeyPair();
    const device = makeDevice(alice);
    const forged = signedBy(device.deviceKeys(), alice.userId, 'ed25519:forged', mallory.privateKey);
    const answer = await alice.ok('POST', `${BASE}/signatures/upload`, {
      [alice.userId]: { [alice.deviceId]: forged, UNKNOWN: forged },
      [bob.userId]: { nokey: forged },
    });
    expect(answer.failures[alice.userId][alice.deviceId].errcode).toBe('M_INVALID_SIGNATURE');
    expect(answer.failures[alice.userId].UNKNOWN.errcode).toBe('M_NOT_FOUND');
    expect(answer.failures[bob.userId].nokey.errcode).toBe('M_NOT_FOUND');
  });

  it.each([
    ['a self-signing key that nobody signed', 'self_signing_key', { signatures: {} }, 'M_INVALID_SIGNATURE'],
    ['a key of another user', 'master_key', { user_id: '@x:y' }, 'M_INVALID_PARAM'],
    ['a key for another use', 'master_key', { usage: ['self_signing'] }, 'M_INVALID_PARAM'],
    ['two keys in one', 'master_key', { keys: { 'ed25519:A': 'A', 'ed25519:B': 'B' } }, 'M_INVALID_PARAM'],
  ] as const)('refuses %s', async (_name, field, change, errcode) => {
    const dave = await server.register(`dave${Math.random().toString(36).slice(2)}`);
    const { upload } = makeIdentity(dave.userId);
    const body = { ...upload, [field]: { ...upload[field], ...change } };
    const answer = await dave.request('POST', `${BASE}/device_signing/upload`, { body });
    expect([answer.status, answer.body.errcode]).toEqual([400, errcode]);
    expect((await query(dave, dave)).master_keys).toEqual({});
  });
});
