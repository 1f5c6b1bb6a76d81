import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFederation, type TestFederation } from '../../src/testing/create-federation.ts';
import type { TestResponse, TestUser } from '../../src/testing/create-test-server.ts';
import { makeDevice, makeKeyPair, signedBy } from './signing-device.ts';

const BASE = '/_matrix/client/v3';
const UPLOAD = `${BASE}/keys/upload`;
const sync = (user: TestUser, since?: string, timeout = 0) =>
  user.ok('GET', `${BASE}/sync?timeout=${timeout}${since === undefined ? '' : `&since=${since}`}`);

/** Syncs until the answer meets the condition; answers it. */
const until = async (
  user: TestUser,
  since: string,
  met: (answer: TestResponse['body']) => unknown,
): Promise<TestResponse['body']> => {
  let token = since;
  for (;;) {
    const answer = await sync(user, token, 10_000);
    if (met(answer)) return answer;
    token = answer.next_batch;
  }
};

describe('keys between two servers', () => {
  let federation: TestFederation;
  let alice: TestUser;
  let bob: TestUser;
  let room: string;

  beforeAll(async () => {
    federation = await createFederation(2);
    const [one, two] = federation.servers;
    if (one === undefined || two === undefined) throw new Error('no servers');
    alice = await one.register('alice');
    bob = await two.register('bob');
    const created = await alice.ok('POST', `${BASE}/createRoom`, {
      preset: 'public_chat',
      initial_state: [
        { type: 'm.room.encryption', state_key: '', content: { algorithm: 'm.megolm.v1.aes-sha2' } },
      ],
    });
    room = created.room_id;
    const via = encodeURIComponent(one.config.server.name);
    await bob.ok('POST', `${BASE}/join/${encodeURIComponent(room)}?via=${via}`, {});
  }, 120_000);

  afterAll(() => federation[Symbol.asyncDispose]());

  const query = (viewer: TestUser, of: TestUser) =>
    viewer.ok('POST', `${BASE}/keys/query`, { device_keys: { [of.userId]: [] } });

  it('tells of new devices, changed names and removed devices, and serves their keys', async () => {
    const { next_batch: start } = await sync(bob);
    const device = makeDevice(alice);
    await alice.ok('POST', UPLOAD, { device_keys: device.deviceKeys() });
    const heard = await until(bob, start, ({ device_lists: lists }) =>
      lists?.changed?.includes(alice.userId),
    );
    const first = await query(bob, alice);
    expect(first.failures).toEqual({});
    expect(first.device_keys[alice.userId][alice.deviceId].keys).toEqual(device.deviceKeys().keys);
    const second = await (federation.servers[0] ?? never()).login(alice);
    await second.ok('POST', UPLOAD, { device_keys: makeDevice(second).deviceKeys() });
    const again = await until(bob, heard.next_batch, ({ device_lists: lists }) =>
      lists?.changed?.includes(alice.userId),
    );
    expect(Object.keys((await query(bob, alice)).device_keys[alice.userId]).toSorted()).toEqual(
      [alice.deviceId, second.deviceId].toSorted(),
    );
    await second.ok('POST', `${BASE}/logout`, {});
    await until(bob, again.next_batch, ({ device_lists: lists }) => lists?.changed?.includes(alice.userId));
    expect(Object.keys((await query(bob, alice)).device_keys[alice.userId])).toEqual([alice.deviceId]);
  });

  it('claims each key once, then the fallback key; a bundle in one call', async () => {
    const owner = await (federation.servers[0] ?? never()).login(alice);
    const device = makeDevice(owner);
    await owner.ok('POST', UPLOAD, {
      device_keys: device.deviceKeys(),
      one_time_keys: { ...device.oneTimeKeys(2, 'fed'), ...device.oneTimeKeys(1, 'nyx', 'chat.nyx.otk.v1') },
      fallback_keys: { ...device.fallbackKey('spare'), ...device.fallbackKey('spk', 'chat.nyx.spk.v1') },
    });
    const claim = async (algorithm: string | string[], path: string, more: object = {}) => {
      const answer = await bob.ok('POST', path, {
        one_time_keys: { [owner.userId]: { [owner.deviceId]: algorithm } },
        ...more,
      });
      expect(answer.failures).toEqual({});
      return Object.keys(answer.one_time_keys[owner.userId][owner.deviceId]).toSorted();
    };
    const plain = `${BASE}/keys/claim`;
    expect(await claim('signed_curve25519', plain)).toEqual(['signed_curve25519:fed0000']);
    expect(await claim('signed_curve25519', plain)).toEqual(['signed_curve25519:fed0001']);
    expect(await claim('signed_curve25519', plain)).toEqual(['signed_curve25519:spare']);
    const bundle = '/_matrix/client/unstable/org.matrix.msc3983/keys/claim';
    const wish = ['chat.nyx.otk.v1', 'chat.nyx.spk.v1'];
    const both = ['chat.nyx.otk.v1:nyx0000', 'chat.nyx.spk.v1:spk'];
    expect(await claim(wish, bundle, { txn_id: 'one' })).toEqual(both);
    expect(await claim(wish, bundle, { txn_id: 'one' })).toEqual(both);
    expect(await claim(wish, bundle, { txn_id: 'two' })).toEqual(['chat.nyx.spk.v1:spk']);
  });

  it('carries messages to devices once, and cross-signing keys', async () => {
    const { next_batch: start } = await sync(bob);
    const path = `${BASE}/sendToDevice/test.type/txn`;
    const messages = { [bob.userId]: { '*': { body: 'across' } } };
    await alice.ok('PUT', path, { messages });
    await alice.ok('PUT', path, { messages });
    const heard = await until(bob, start, ({ to_device: inbox }) => inbox);
    expect(heard.to_device.events).toEqual([
      { sender: alice.userId, type: 'test.type', content: { body: 'across' } },
    ]);
    const master = makeKeyPair();
    const selfSigning = makeKeyPair();
    const upload = {
      master_key: {
        user_id: alice.userId,
        usage: ['master'],
        keys: { [`ed25519:${master.publicKey}`]: master.publicKey },
      },
      self_signing_key: signedBy(
        {
          user_id: alice.userId,
          usage: ['self_signing'],
          keys: { [`ed25519:${selfSigning.publicKey}`]: selfSigning.publicKey },
        },
        alice.userId,
        `ed25519:${master.publicKey}`,
        master.privateKey,
      ),
    };
    await query(bob, alice);
    await alice.ok('POST', `${BASE}/keys/device_signing/upload`, upload);
    await until(bob, heard.next_batch, ({ device_lists: lists }) => lists?.changed?.includes(alice.userId));
    const answer = await query(bob, alice);
    expect(answer.master_keys[alice.userId]).toEqual(upload.master_key);
    expect(answer.self_signing_keys[alice.userId]).toEqual(upload.self_signing_key);
  });

  it('tells the devices on both servers of a departure, once', async () => {
    const carol = await (federation.servers[1] ?? never()).register('carol');
    const via = encodeURIComponent((federation.servers[0] ?? never()).config.server.name);
    await carol.ok('POST', `${BASE}/join/${encodeURIComponent(room)}?via=${via}`, {});
    const [forAlice, forBob] = [(await sync(alice)).next_batch, (await sync(bob)).next_batch];
    await carol.ok('POST', `${BASE}/rooms/${encodeURIComponent(room)}/leave`, {});
    for (const [user, since] of [
      [alice, forAlice],
      [bob, forBob],
    ] as const) {
      const heard = await until(user, since, ({ to_device: inbox }) => inbox);
      const { events } = heard.to_device;
      expect(
        events.map((event: { type: string; content: { room: string; reason: string } }) => [
          event.type,
          event.content.room,
          event.content.reason,
        ]),
      ).toEqual([['chat.nyx.rotate', room, 'leave']]);
    }
  });
});

const never = (): never => {
  throw new Error('no such server');
};
