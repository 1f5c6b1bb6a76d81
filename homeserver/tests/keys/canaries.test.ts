import { randomBytes } from 'node:crypto';
import { MsgType } from 'matrix-js-sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createFederation, type TestFederation } from '../../src/testing/create-federation.ts';
import type { TestServer } from '../../src/testing/create-test-server.ts';
import {
  anotherDevice,
  cryptoOf,
  decrypted,
  giveIdentity,
  person,
  secretRoom,
  silenceSdk,
  unlock,
  verifyUsers,
  type Person,
} from '../clients/sdk-crypto.ts';
import { sdkFor } from '../clients/sdk.ts';
import type { Canary } from './canary-search.ts';
import { dumpFolder, dumpMongo, dumpRedis, findCanaries } from './canary-search.ts';
import { makeDevice } from './signing-device.ts';

const V3 = '/_matrix/client/v3';
const BUNDLE = '/_matrix/client/unstable/org.matrix.msc3983/keys/claim';
const MESSAGES = 60;
const DEVICES = 20;
const KEYS_PER_DEVICE = 5;
const LEAST_CANARIES = 200;

const fromBase64 = (text: string): Uint8Array => Buffer.from(text, 'base64');

/** The private halves of what a client holds, as far as it gives them out. */
const privateKeysOf = async ({ client, name, cryptoCallbacks }: Person): Promise<Canary[]> => {
  const crypto = cryptoOf(client);
  const { cross_signing: signing, backup } = (await crypto.exportSecretsBundle?.()) ?? {};
  const storage = await cryptoCallbacks.getSecretStorageKey?.({ keys: {} }, '');
  const rooms = JSON.parse(await crypto.exportRoomKeysAsJson()) as { session_key: string }[];
  const secrets: [string, string | undefined][] = [
    ['master', signing?.master_key],
    ['self-signing', signing?.self_signing_key],
    ['user-signing', signing?.user_signing_key],
    ['backup', backup?.key],
    // Version, index and the ratchet's four parts; the signing key behind them is public.
    ...rooms.map(({ session_key: key }, index): [string, string] => [`room key ${index}`, key]),
  ];
  return [
    ...secrets.map(([what, key]) => {
      if (key === undefined) throw new Error(`no ${what} key`);
      const bytes = fromBase64(key);
      return {
        name: `${name}: ${what}`,
        bytes: what.startsWith('room') ? bytes.subarray(5, 5 + 128) : bytes,
      };
    }),
    ...(storage === null || storage === undefined
      ? []
      : [{ name: `${name}: secret storage`, bytes: storage[1] }]),
  ];
};

describe('what the servers keep of a run', () => {
  let federation: TestFederation;
  let one: TestServer;
  let two: TestServer;

  beforeAll(async () => {
    silenceSdk();
    federation = await createFederation(2);
    const [first, second] = federation.servers;
    if (first === undefined || second === undefined) throw new Error('no servers');
    [one, two] = [first, second];
  }, 120_000);
  afterAll(() => federation[Symbol.asyncDispose]());

  /** Messages, verification, backup and another device, all by real clients. */
  const talk = async (): Promise<Canary[]> => {
    const [here, there] = [sdkFor(one), sdkFor(two)];
    const [ida, jon] = [await person(here, 'ida'), await person(there, 'jon')];
    const room = await secretRoom(ida.client, jon.client);
    for (const each of [ida, jon]) await giveIdentity(each);
    await verifyUsers(room, ida.client, jon.client);
    const texts: Canary[] = [];
    let last = '';
    for (let index = 0; index < MESSAGES; index += 1) {
      const body = `canary ${randomBytes(18).toString('base64url')}`;
      texts.push({ name: `message ${index}`, bytes: Buffer.from(body) });
      const from = index % 2 === 0 ? ida : jon;
      last = (await from.client.sendMessage(room, { msgtype: MsgType.Text, body })).event_id;
    }
    await decrypted(ida.client, room, last);
    const tablet = await anotherDevice(ida);
    await unlock(tablet);
    await cryptoOf(tablet).startDehydration();
    const secrets = [...(await privateKeysOf(ida)), ...(await privateKeysOf(jon))];
    here.stop();
    there.stop();
    return [...texts, ...secrets];
  };

  /** Uploads and claims of every kind; answers the devices' private keys and the ids of their keys. */
  const claimAll = async (): Promise<{ secrets: Canary[]; ids: Canary[] }> => {
    const owner = await one.register('owner');
    const claimers = [await one.register('near'), await two.register('far')];
    const secrets: Canary[] = [];
    const ids: Canary[] = [];
    for (let index = 0; index < DEVICES; index += 1) {
      const login = await one.login(owner);
      const device = makeDevice(login);
      const jwk = device.privateKey.export({ format: 'jwk' });
      secrets.push({ name: `device ${index}`, bytes: Buffer.from(jwk.d ?? '', 'base64url') });
      const mark = randomBytes(12).toString('hex');
      const keys = device.oneTimeKeys(KEYS_PER_DEVICE, mark, 'chat.nyx.otk.v1');
      const spare = device.fallbackKey(randomBytes(16).toString('hex'), 'chat.nyx.spk.v1');
      for (const id of [...Object.keys(keys), ...Object.keys(spare)])
        ids.push({ name: `key id ${id}`, bytes: Buffer.from(id.slice(id.indexOf(':') + 1)) });
      const upload = { device_keys: device.deviceKeys(), one_time_keys: keys, fallback_keys: spare };
      await login.ok('POST', `${V3}/keys/upload`, upload);
      // Refusals are logged, too.
      const bad = { one_time_keys: Object.fromEntries(Object.keys(keys).map((id) => [id, { key: 'A' }])) };
      expect((await login.request('POST', `${V3}/keys/upload`, { body: bad })).status).toBe(400);
      for (const claimer of claimers) {
        const wish = (algorithms: string | string[]) => ({
          one_time_keys: { [owner.userId]: { [login.deviceId]: algorithms } },
        });
        await claimer.ok('POST', `${V3}/keys/claim`, wish('chat.nyx.otk.v1'));
        const both = { ...wish(['chat.nyx.otk.v1', 'chat.nyx.spk.v1']), txn_id: `t${index}` };
        await claimer.ok('POST', BUNDLE, both);
        await claimer.ok('POST', `${V3}/keys/claim`, wish('chat.nyx.spk.v1'));
      }
    }
    // Ids of group keys stand in the paths of backups.
    const { version } = await owner.ok('POST', `${V3}/room_keys/version`, {
      algorithm: 'chat.nyx.epoch-backup.v1',
      auth_data: { public_key: 'A' },
    });
    for (let index = 0; index < DEVICES; index += 1) {
      const kid = randomBytes(16).toString('hex');
      ids.push({ name: `group key ${kid}`, bytes: Buffer.from(kid) });
      const path = `${V3}/room_keys/keys/${encodeURIComponent('!r:example.org')}/${kid}?version=${version}`;
      const body = {
        first_message_index: 0,
        forwarded_count: 0,
        is_verified: true,
        session_data: { ciphertext: 'A' },
      };
      await owner.ok('PUT', path, body);
      await owner.ok('GET', path);
      await owner.ok('DELETE', path);
      expect((await owner.request('GET', path)).status).toBe(404);
    }
    return { secrets, ids };
  };

  it('holds no private key and no plaintext, and its logs no key id', async () => {
    const talked = await talk();
    const { secrets, ids } = await claimAll();
    const hidden = [...talked, ...secrets];
    expect(hidden.length + ids.length).toBeGreaterThanOrEqual(LEAST_CANARIES);
    for (const { name, bytes } of [...hidden, ...ids]) expect(bytes.length, name).toBeGreaterThanOrEqual(16);

    // What is there in clear is found, wherever it lies: else the search would prove nothing.
    const marker = randomBytes(24);
    const control: Canary = { name: 'control', bytes: marker };
    const watcher = await one.register('watcher');
    const { room_id: open } = await watcher.ok('POST', `${V3}/createRoom`, {});
    const body = `x${marker.toString('base64')}`;
    const send = `${V3}/rooms/${encodeURIComponent(open)}/send/m.room.message/1`;
    await watcher.ok('PUT', send, { msgtype: 'm.text', body });
    const upload = await watcher.request('POST', '/_matrix/media/v3/upload', {
      rawBody: Buffer.concat([Buffer.from('file '), marker]),
      headers: { 'content-type': 'application/octet-stream' },
    });
    expect(upload.status).toBe(200);
    await watcher.request('GET', `${V3}/rooms/${marker.toString('hex')}/state`);

    for (const server of [one, two]) {
      const { db, redis } = server.server.context.foundation;
      const prefix = server.config.redis.keyPrefix;
      if (server === one) await redis.set(`${prefix}:control`, marker.toString('base64url'));
      const dumps: Record<string, Buffer> = {
        database: await dumpMongo(db),
        redis: await dumpRedis(redis, prefix),
        files: dumpFolder(server.config.server.dataDir),
        log: Buffer.from(server.logLines.map((line) => JSON.stringify(line)).join('\n')),
      };
      for (const [where, dump] of Object.entries(dumps)) {
        expect(findCanaries(dump, hidden), where).toEqual([]);
        if (server === one)
          expect(findCanaries(dump, [control]), `the control in the ${where}`).toEqual(['control']);
      }
      expect(findCanaries(dumps.log ?? Buffer.alloc(0), ids), 'ids in the log').toEqual([]);
    }
    // Ids of keys are what the database is for.
    expect(findCanaries(await dumpMongo(one.server.context.foundation.db), ids).length).toBeGreaterThan(0);
  }, 180_000);
});
