/**
 * Secret storage with foreign implementations: matrix-js-sdk (what Element stores and opens with) and the Rust SDK's
 * cross-signing, in both directions.
 */
import { initAsync, UserId } from '@matrix-org/matrix-sdk-crypto-wasm';
import {
  decodeRecoveryKey as theirDecode,
  encodeRecoveryKey as theirEncode,
} from 'matrix-js-sdk/lib/crypto-api/recovery-key.js';
import { ServerSideSecretStorageImpl, type AccountDataClient } from 'matrix-js-sdk/lib/secret-storage.js';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';

import {
  describeKey,
  decryptSecret,
  encryptSecret,
  isDescribedKey,
} from '../../src/crypto/identity/matrix-secrets.ts';
import { decodeRecoveryKey, encodeRecoveryKey } from '../../src/crypto/identity/recovery-key.ts';
import { systemRandom } from '../../src/crypto/primitives/random.ts';
import { Secret } from '../../src/crypto/primitives/secret.ts';
import { loadSodium } from '../../src/crypto/primitives/sodium.ts';
import { PASSPHRASE, SimClient, SimClock } from '../../src/crypto/testing/sim-client.ts';
import { SimServer } from '../../src/crypto/testing/sim-server.ts';
import { RustPeer } from './rust-peer.ts';

const USER = '@alice:one.test';
const SECRETS = [
  'm.cross_signing.master',
  'm.cross_signing.self_signing',
  'm.cross_signing.user_signing',
] as const;

let server: SimServer;
let clock: SimClock;

beforeAll(async () => {
  await loadSodium();
  await initAsync();
});

beforeEach(() => {
  server = new SimServer();
  clock = new SimClock();
  // The Rust SDK reads the machine's clock.
  clock.now = Date.now();
});

const bytesOf = (recoveryKey: string): Uint8Array<ArrayBuffer> => new Uint8Array(theirDecode(recoveryKey));

/** matrix-js-sdk's secret storage over the simulated server's account data. */
const theirStorage = (key: Uint8Array<ArrayBuffer>): ServerSideSecretStorageImpl => {
  const data = (): Map<string, unknown> => {
    const user = server.users.get(USER);
    if (user === undefined) throw new Error('no such user');
    return user.data;
  };
  const adapter = {
    getAccountDataFromServer: async (type: string) => data().get(type) ?? null,
    setAccountData: async (type: string, content: unknown) => {
      data().set(type, JSON.parse(JSON.stringify(content)));
      return {};
    },
  };
  return new ServerSideSecretStorageImpl(adapter as unknown as AccountDataClient, {
    getSecretStorageKey: async ({ keys }) => {
      const [id] = Object.keys(keys);
      return id === undefined ? null : [id, key];
    },
  });
};

const startOurs = async (): Promise<SimClient> => {
  const client = await SimClient.start(server, clock, USER, 'OURS');
  await client.settle();
  return client;
};

describe('secret storage', () => {
  it('of ours is opened by matrix-js-sdk, and the Rust SDK takes its keys as those of the account', async () => {
    const ours = await startOurs();
    const { recoveryKey } = await ours.host.call('recoveryKey', {});
    if (recoveryKey === undefined) throw new Error('no recovery key');
    const storage = theirStorage(bytesOf(recoveryKey));
    const id = await storage.getDefaultKeyId();
    if (id === null) throw new Error('no default key');
    const described = await storage.getKey(id);
    if (described === null) throw new Error('no description');
    expect(await storage.checkKey(bytesOf(recoveryKey), described[1])).toBe(true);
    expect(await storage.checkKey(new Uint8Array(32), described[1])).toBe(false);
    const [master, selfSigning, userSigning] = await Promise.all(SECRETS.map((name) => storage.get(name)));
    const element = await RustPeer.device(server, USER, 'ELEMENT');
    await element.machine.updateTrackedUsers([new UserId(USER)]);
    await element.work();
    const status = await element.machine.importCrossSigningKeys(master, selfSigning, userSigning);
    expect([status.hasMaster, status.hasSelfSigning, status.hasUserSigning]).toEqual([true, true, true]);
    const identity = await element.machine.getIdentity(new UserId(USER));
    expect(identity?.isVerified()).toBe(true);
  });

  it('of theirs gives a new device of ours its identity, by the recovery key alone', async () => {
    const element = await RustPeer.start(server, USER, 'ELEMENT');
    const keys = await element.machine.exportCrossSigningKeys();
    if (keys === undefined) throw new Error('no keys');
    const key = new Uint8Array(systemRandom(32));
    const storage = theirStorage(key);
    const { keyId } = await storage.addKey('m.secret_storage.v1.aes-hmac-sha2', { key });
    await storage.setDefaultKeyId(keyId);
    const secrets = [keys.masterKey, keys.self_signing_key, keys.userSigningKey];
    for (const [i, name] of SECRETS.entries()) await storage.store(name, secrets[i] ?? '');
    const recoveryKey = theirEncode(key);
    if (recoveryKey === undefined) throw new Error('no recovery key');

    const restore = async (deviceId: string, given: string) => {
      const fresh = new SimClient(server, clock, USER, deviceId);
      server.addDevice(USER, deviceId);
      await fresh.host.call('createVault', { userId: USER, deviceId, passphrase: PASSPHRASE, linking: true });
      await fresh.settle();
      return fresh.while(fresh.host.call('restoreIdentity', { recoveryKey: given }));
    };
    const wrong = theirEncode(new Uint8Array(systemRandom(32))) ?? '';
    await expect(restore('WRONG', wrong)).rejects.toThrow('WRONG_WORDS');
    await expect(restore('TYPO', recoveryKey.replace(/.$/u, '!'))).rejects.toThrow('WRONG_WORDS');
    const { status } = await restore('OURS', recoveryKey);
    expect(status).toMatchObject({ crossSigning: 'ready', deviceSigned: true, backup: 'active' });
    // Their side sees our device as one that the account's owner signed.
    await element.sync();
    await element.follow(USER);
    const devices = await element.machine.getUserDevices(new UserId(USER));
    const device = devices.devices().find((one) => one.deviceId.toString() === 'OURS');
    expect(device?.isCrossSignedByOwner()).toBe(true);
    // A second device finds the backup's key where the first one left it.
    expect((await restore('SECOND', recoveryKey)).status).toMatchObject({ backup: 'active' });
    expect(server.users.get(USER)?.backup?.version).toBeDefined();
  });

  it('agrees on single secrets, of any length, in both directions', async () => {
    server.addDevice(USER, 'D');
    const key = new Uint8Array(systemRandom(32));
    using secret = Secret.copy('storage', key);
    const storage = theirStorage(key);
    const { keyId, keyInfo } = await storage.addKey('m.secret_storage.v1.aes-hmac-sha2', { key });
    expect(isDescribedKey(secret, keyInfo)).toBe(true);
    expect(await storage.checkKey(key, describeKey(secret, systemRandom) as typeof keyInfo)).toBe(true);
    for (const text of ['x', 'sixteen bytes...', 'é'.repeat(100), 'y'.repeat(4097)]) {
      const sealed = encryptSecret(secret, 'm.megolm_backup.v1', text, systemRandom);
      server.users.get(USER)?.data.set('m.megolm_backup.v1', { encrypted: { [keyId]: sealed } });
      expect(await storage.get('m.megolm_backup.v1')).toBe(text);
      await storage.store('m.cross_signing.master', text, [keyId]);
      const theirs = server.users.get(USER)?.data.get('m.cross_signing.master') as {
        encrypted: Record<string, unknown>;
      };
      expect(decryptSecret(secret, 'm.cross_signing.master', theirs.encrypted[keyId])).toBe(text);
      // Under another name it does not open.
      expect(() => decryptSecret(secret, 'm.cross_signing.user_signing', theirs.encrypted[keyId])).toThrow(
        'WRONG_KEY',
      );
    }
  });

  it('names the damage for every changed character of a secret and of a description', () => {
    using key = Secret.copy('storage', systemRandom(32));
    const sealed = encryptSecret(key, 'name', 'the secret', systemRandom);
    const described = describeKey(key, systemRandom);
    for (const field of ['iv', 'ciphertext', 'mac'] as const)
      for (let i = 0; i < sealed[field].length; i++) {
        const other = sealed[field][i] === 'A' ? 'B' : 'A';
        const text = sealed[field].slice(0, i) + other + sealed[field].slice(i + 1);
        // The counter itself is not under the tag (the algorithm's own weakness): what comes out is other text.
        const opened = (): string => decryptSecret(key, 'name', { ...sealed, [field]: text });
        if (field === 'iv') expect(attempt(opened)).not.toBe('the secret');
        else expect(opened).toThrow(/WRONG_KEY|MALFORMED/u);
        if (field === 'ciphertext') continue;
        const changed = { ...described, [field]: replaceAt(described[field] ?? '', i) };
        expect(attempt(() => String(isDescribedKey(key, changed)))).not.toBe('true');
      }
    for (const bad of [undefined, null, {}, { ...sealed, mac: 3 }, { ...sealed, iv: 'AAAA' }])
      expect(() => decryptSecret(key, 'name', bad)).toThrow('MALFORMED');
    expect(() => isDescribedKey(key, { ...described, algorithm: 'm.other' })).toThrow('UNSUPPORTED');
  });
});

const replaceAt = (text: string, i: number): string =>
  text.slice(0, i) + (text[i] === 'A' ? 'B' : 'A') + text.slice(i + 1);

const attempt = (run: () => string): string => {
  try {
    return run();
  } catch (error) {
    return error instanceof Error ? error.message : 'error';
  }
};

describe('the recovery key', () => {
  it('reads and writes as matrix-js-sdk does, and refuses every changed letter', () => {
    for (let i = 0; i < 50; i++) {
      const bytes = systemRandom(32);
      using key = Secret.copy('storage', bytes);
      const text = encodeRecoveryKey(key);
      expect(text).toBe(theirEncode(new Uint8Array(bytes)));
      using back = decodeRecoveryKey(` ${text.replaceAll(' ', '\n')} `);
      expect(back.expose()).toEqual(bytes);
    }
    using key = Secret.copy('storage', systemRandom(32));
    const text = encodeRecoveryKey(key);
    for (let i = 0; i < text.length; i++) {
      if (text[i] === ' ') continue;
      const other = text.slice(0, i) + (text[i] === 'z' ? 'y' : 'z') + text.slice(i + 1);
      // One byte of parity: a change that carries through several bytes is caught 255 times of 256, by the key's check
      // else. It is never taken for the same key.
      const read = attempt(() => Buffer.from(decodeRecoveryKey(other).expose()).toString('hex'));
      expect(read).not.toBe(Buffer.from(key.expose()).toString('hex'));
    }
    for (const bad of ['', 'Es', `${text}1`, text.slice(0, -1), '0OIl', 'z'.repeat(500)])
      expect(() => decodeRecoveryKey(bad)).toThrow('BAD_RECOVERY_KEY');
  });
});
