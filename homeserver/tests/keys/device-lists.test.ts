import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JsonObject } from '@nyx/federation/json/value.ts';
import { FakeServer } from '@nyx/federation/testing/fake-server.ts';
import { createFederation, type TestFederation } from '../../src/testing/create-federation.ts';
import type { TestResponse, TestServer, TestUser } from '../../src/testing/create-test-server.ts';
import { HostilePeer } from '../../src/testing/hostile-peer.ts';
import { makeDevice, makeKeyPair } from './signing-device.ts';

const V3 = '/_matrix/client/v3';
const UPLOAD = `${V3}/keys/upload`;

/** Syncs on until the list of the kind names the user; answers the next token. */
const hears = async (
  viewer: TestUser,
  since: string,
  kind: 'changed' | 'left',
  user: string,
): Promise<string> => {
  let token = since;
  for (;;) {
    const answer: TestResponse['body'] = await viewer.ok('GET', `${V3}/sync?timeout=20000&since=${token}`);
    token = answer.next_batch;
    const { changed = [], left = [] } = answer.device_lists ?? {};
    if ((kind === 'changed' ? changed : left).includes(user)) return token;
  }
};
const tokenOf = async (user: TestUser): Promise<string> =>
  (await user.ok('GET', `${V3}/sync?timeout=0`)).next_batch;
const query = async (viewer: TestUser, user: string): Promise<Record<string, JsonObject>> => {
  const answer = await viewer.ok('POST', `${V3}/keys/query`, { device_keys: { [user]: [] } });
  return answer.device_keys[user] ?? {};
};

describe('device lists', () => {
  let federation: TestFederation;
  let one: TestServer;
  let two: TestServer;

  beforeAll(async () => {
    federation = await createFederation(2);
    const [first, second] = federation.servers;
    if (first === undefined || second === undefined) throw new Error('no servers');
    [one, two] = [first, second];
  }, 120_000);
  afterAll(() => federation[Symbol.asyncDispose]());

  const enter = (user: TestUser, room: string) =>
    user.ok('POST', `${V3}/join/${encodeURIComponent(room)}?via=${one.config.server.name}`, {});

  it('tell of every cause, to members here and on another server', async () => {
    const owner = await one.register('owner');
    const near = await one.register('near');
    const far = await two.register('far');
    const viewers = [near, far];
    const { room_id: room } = await owner.ok('POST', `${V3}/createRoom`, { preset: 'public_chat' });
    const path = `${V3}/rooms/${encodeURIComponent(room)}`;
    for (const viewer of viewers) await enter(viewer, room);
    let tokens = await Promise.all(viewers.map(tokenOf));
    const after = async (act: () => Promise<unknown>, kind: 'changed' | 'left', user: string) => {
      await act();
      tokens = await Promise.all(
        viewers.map((viewer, index) => hears(viewer, tokens[index] ?? '', kind, user)),
      );
    };
    const upload = (user: TestUser, more: object = {}) =>
      user.ok('POST', UPLOAD, { device_keys: makeDevice(user).deviceKeys(), ...more });

    // A first device, another one, new keys of an old one, a name, an identity, a device that is gone.
    await after(() => upload(owner), 'changed', owner.userId);
    const second = await one.login(owner);
    await after(() => upload(second), 'changed', owner.userId);
    const keys = (await query(far, owner.userId))[second.deviceId];
    await after(() => upload(second), 'changed', owner.userId);
    expect((await query(far, owner.userId))[second.deviceId]).not.toEqual(keys);
    await after(
      () => second.ok('PUT', `${V3}/devices/${second.deviceId}`, { display_name: 'Tablet' }),
      'changed',
      owner.userId,
    );
    const master = makeKeyPair();
    await after(
      () =>
        owner.ok('POST', `${V3}/keys/device_signing/upload`, {
          master_key: {
            user_id: owner.userId,
            usage: ['master'],
            keys: { [`ed25519:${master.publicKey}`]: master.publicKey },
          },
        }),
      'changed',
      owner.userId,
    );
    await after(() => second.ok('POST', `${V3}/logout`, {}), 'changed', owner.userId);
    expect(Object.keys(await query(far, owner.userId))).toEqual([owner.deviceId]);

    // Encryption turned on: everybody's devices matter from now on.
    await after(
      () => owner.ok('PUT', `${path}/state/m.room.encryption/`, { algorithm: 'm.megolm.v1.aes-sha2' }),
      'changed',
      owner.userId,
    );

    // Joins and leaves, of users here and there.
    for (const server of [one, two]) {
      const guest = await server.register('guest');
      await upload(guest);
      await after(() => enter(guest, room), 'changed', guest.userId);
      await after(() => guest.ok('POST', `${path}/leave`, {}), 'left', guest.userId);
    }
    // Whoever joins hears of those who are there; whoever leaves, of those left behind.
    const late = await one.register('late');
    let token = await tokenOf(late);
    await enter(late, room);
    token = await hears(late, token, 'changed', far.userId);
    await late.ok('POST', `${path}/leave`, {});
    await hears(late, token, 'left', far.userId);
  }, 180_000);

  it('are fetched anew when updates have a gap, or come from a server that began anew', async () => {
    const viewer = await one.register('viewer');
    const { room_id: room } = await viewer.ok('POST', `${V3}/createRoom`, {
      preset: 'public_chat',
      room_version: '11',
    });
    await using fake = await FakeServer.start(federation.authority);
    const devices = new Map<string, JsonObject>();
    let streamId = 10;
    let isUp = true;
    let fetches = 0;
    const user = `@remote:${fake.name}`;
    const add = (deviceId: string) =>
      devices.set(deviceId, makeDevice({ userId: user, deviceId }).deviceKeys());
    fake.on('GET', /\/user\/devices\//, (_request, response) => {
      fetches += 1;
      if (!isUp) {
        response.writeHead(503).end();
        return undefined;
      }
      return {
        user_id: user,
        stream_id: streamId,
        devices: [...devices].map(([deviceId, keys]) => ({ device_id: deviceId, keys })),
      };
    });
    fake.on('POST', '/_matrix/federation/v1/user/keys/query', () => ({
      device_keys: { [user]: Object.fromEntries(devices) },
    }));
    add('A');
    await HostilePeer.join(fake, one.config.server.name, room, 'remote');
    expect(Object.keys(await query(viewer, user))).toEqual(['A']);
    const tell = (deviceId: string, id: number, previous: number[]) =>
      fake.sendTransaction(one.config.server.name, {
        edus: [
          {
            edu_type: 'm.device_list_update',
            content: {
              user_id: user,
              device_id: deviceId,
              stream_id: id,
              prev_id: previous,
              keys: devices.get(deviceId) ?? {},
            },
          },
        ],
      });
    let since = await tokenOf(viewer);
    // It follows: nothing is fetched.
    const before = fetches;
    add('B');
    await tell('B', 11, [10]);
    since = await hears(viewer, since, 'changed', user);
    expect(Object.keys(await query(viewer, user))).toEqual(['A', 'B']);
    expect(fetches).toBe(before);
    // A repeat changes nothing.
    await tell('B', 11, [10]);
    // A gap, while the server is away for a moment: the job goes on asking.
    isUp = false;
    add('C');
    add('D');
    streamId = 13;
    await tell('D', 13, [12]);
    since = await hears(viewer, since, 'changed', user);
    isUp = true;
    await expect
      .poll(
        () =>
          one.server.context.foundation.db.collection('remoteDeviceLists').countDocuments({ streamId: 13 }),
        {
          timeout: 30_000,
        },
      )
      .toBe(1);
    expect(Object.keys(await query(viewer, user))).toEqual(['A', 'B', 'C', 'D']);
    // Set back: numbers begin anew, and the list is another one.
    devices.clear();
    add('NEW');
    streamId = 2;
    await tell('NEW', 2, [1]);
    await hears(viewer, since, 'changed', user);
    expect(Object.keys(await query(viewer, user))).toEqual(['NEW']);
  }, 120_000);

  it('of strangers leave nothing behind', async () => {
    await using fake = await FakeServer.start(federation.authority);
    const { db } = one.server.context.foundation;
    const rows = () => db.collection('deviceListChanges').countDocuments({});
    const before = await rows();
    await fake.sendTransaction(one.config.server.name, {
      edus: Array.from({ length: 100 }, (_, index) => ({
        edu_type: index % 2 === 0 ? 'm.device_list_update' : 'm.signing_key_update',
        content: { user_id: `@u${index}:${fake.name}`, device_id: 'D', stream_id: 1, prev_id: [] },
      })),
    });
    expect(await rows()).toBe(before);
  });
});
