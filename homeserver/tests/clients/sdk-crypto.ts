import {
  MatrixEventEvent,
  Method,
  MsgType,
  Preset,
  type ICreateClientOpts,
  type MatrixClient,
  type MatrixEvent,
} from 'matrix-js-sdk';
import type { CryptoApi } from 'matrix-js-sdk/lib/crypto-api/index.js';
import { CryptoEvent } from 'matrix-js-sdk/lib/crypto-api/index.js';
import type { ShowSasCallbacks, VerificationRequest } from 'matrix-js-sdk/lib/crypto-api/verification.js';
import {
  VerificationPhase,
  VerificationRequestEvent,
  VerifierEvent,
} from 'matrix-js-sdk/lib/crypto-api/verification.js';
import { expect, vi } from 'vitest';
import { PASSWORD, started, synced, type Sdk } from './sdk.ts';

/** What a client asks of end-to-end encryption, done by matrix-sdk-crypto-wasm under matrix-js-sdk. */

export const WAIT = { timeout: 30_000, interval: 50 };
const SAS = 'm.sas.v1';

export const cryptoOf = (client: MatrixClient): CryptoApi => {
  const crypto = client.getCrypto();
  if (crypto === undefined) throw new Error('no crypto');
  return crypto;
};

/** Starts encryption with a store in memory, and syncs. */
const encrypting = async (client: MatrixClient): Promise<MatrixClient> => {
  await client.initRustCrypto({ useIndexedDB: false });
  return started(client);
};

/** A place for the key of secret storage, as an application keeps what its user typed. */
const secretStorageCallbacks = (): NonNullable<ICreateClientOpts['cryptoCallbacks']> => {
  let kept: [string, Uint8Array<ArrayBuffer>] | undefined;
  return {
    getSecretStorageKey: () => Promise.resolve(kept ?? null),
    cacheSecretStorageKey: (id, _info, key) => void (kept = [id, key]),
  };
};

export type Person = {
  readonly name: string;
  readonly sdk: Sdk;
  readonly client: MatrixClient;
  readonly cryptoCallbacks: NonNullable<ICreateClientOpts['cryptoCallbacks']>;
};

/** A fresh user with an encrypting client. */
export const person = async (sdk: Sdk, name: string): Promise<Person> => {
  const cryptoCallbacks = secretStorageCallbacks();
  const client = await encrypting(await sdk.register(name, { cryptoCallbacks }));
  return { name, sdk, client, cryptoCallbacks };
};

/** Another device of a user, which shares what its user typed. */
export const anotherDevice = async ({ sdk, name, cryptoCallbacks }: Person): Promise<MatrixClient> => {
  const login = await sdk.logIn(name);
  return encrypting(
    sdk.client({
      userId: login.user_id,
      deviceId: login.device_id,
      accessToken: login.access_token,
      cryptoCallbacks,
    }),
  );
};

/** An encrypted room of two. */
export const secretRoom = async (one: MatrixClient, other: MatrixClient): Promise<string> => {
  const { room_id: room } = await one.createRoom({
    preset: Preset.PrivateChat,
    invite: [other.getSafeUserId()],
    initial_state: [
      { type: 'm.room.encryption', state_key: '', content: { algorithm: 'm.megolm.v1.aes-sha2' } },
    ],
  });
  await synced(other, 'the invite', () => other.getRoom(room)?.getMyMembership() === 'invite');
  await other.joinRoom(room, { viaServers: [one.getDomain() ?? ''] });
  await synced(
    one,
    'the join',
    () => one.getRoom(room)?.getMember(other.getSafeUserId())?.membership === 'join',
  );
  await synced(other, 'encryption', () => other.getRoom(room)?.hasEncryptionStateEvent());
  return room;
};

/** Waits until the client has decrypted an event. */
export const decrypted = async (
  client: MatrixClient,
  room: string,
  eventId: string,
): Promise<MatrixEvent> => {
  const event = await synced(client, `event ${eventId}`, () => client.getRoom(room)?.findEventById(eventId));
  const isOpen = () => event.getType() === 'm.room.message' && !event.isDecryptionFailure();
  if (!isOpen())
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(
          new Error(`${client.getSafeUserId()} could not decrypt: ${event.decryptionFailureReason ?? ''}`),
        );
      }, WAIT.timeout);
      const look = () => {
        if (!isOpen()) return;
        clearTimeout(timer);
        event.off(MatrixEventEvent.Decrypted, look);
        resolve();
      };
      event.on(MatrixEventEvent.Decrypted, look);
    });
  expect(event.isEncrypted()).toBe(true);
  return event;
};

/** Messages both ways, and what the servers keep of them. */
export const exchange = async (room: string, one: MatrixClient, other: MatrixClient): Promise<string[]> => {
  const ids: string[] = [];
  for (const [from, to, body] of [
    [one, other, 'to you'],
    [other, one, 'and back'],
  ] as const) {
    const { event_id: id } = await from.sendMessage(room, { msgtype: MsgType.Text, body });
    expect((await decrypted(to, room, id)).getContent().body).toBe(body);
    const kept = await to.fetchRoomEvent(room, id);
    expect(kept.type).toBe('m.room.encrypted');
    expect(JSON.stringify(kept)).not.toContain(body);
    ids.push(id);
  }
  return ids;
};

/** Cross-signing keys, secret storage, and a backup of room keys, as an application sets them up. */
export const giveIdentity = async ({ client }: Person): Promise<void> => {
  const crypto = cryptoOf(client);
  await crypto.bootstrapCrossSigning({
    authUploadDeviceSigningKeys: async (upload) => {
      await upload({
        type: 'm.login.password',
        identifier: { type: 'm.id.user', user: client.getSafeUserId() },
        password: PASSWORD,
      });
    },
  });
  await crypto.bootstrapSecretStorage({
    createSecretStorageKey: () => crypto.createRecoveryKeyFromPassphrase(),
    setupNewKeyBackup: true,
  });
  expect(await crypto.isCrossSigningReady()).toBe(true);
  expect(await crypto.getActiveSessionBackupVersion()).not.toBeNull();
};

/** Takes the identity over on a new device whose user has typed the key of the secret storage. */
export const unlock = async (client: MatrixClient): Promise<void> => {
  const crypto = cryptoOf(client);
  expect(await crypto.userHasCrossSigningKeys(client.getSafeUserId(), true)).toBe(true);
  await crypto.bootstrapCrossSigning({});
};

/** Types of the messages that the server keeps for the user's dehydrated device. Looking takes none away. */
export const keptForDehydrated = async (client: MatrixClient): Promise<string[]> => {
  const prefix = '/_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device';
  const get = <T>(path: string) =>
    client.http.authedRequest<T>(Method.Get, path, undefined, undefined, { prefix, priority: 'auto' });
  const { device_id: device } = await get<{ device_id: string }>('');
  const { events } = await get<{ events: { type: string }[] }>(`/${encodeURIComponent(device)}/events`);
  return events.map(({ type }) => type);
};

/** The next verification request that the client is sent. */
const incomingRequest = (client: MatrixClient): Promise<VerificationRequest> =>
  new Promise((resolve) => client.once(CryptoEvent.VerificationRequestReceived, resolve));

const inPhase = async (request: VerificationRequest, wanted: VerificationPhase): Promise<void> => {
  if (request.phase >= wanted) return;
  await new Promise<void>((resolve) => {
    const look = () => {
      if (request.phase < wanted) return;
      request.off(VerificationRequestEvent.Change, look);
      resolve();
    };
    request.on(VerificationRequestEvent.Change, look);
  });
};

type Verifier = NonNullable<VerificationRequest['verifier']>;

const shownSas = (verifier: Verifier): Promise<ShowSasCallbacks> => {
  const now = verifier.getShowSasCallbacks();
  if (now !== null) return Promise.resolve(now);
  return new Promise((resolve) => verifier.once(VerifierEvent.ShowSas, resolve));
};

/** Runs an interactive verification to its end: both sides see the same emoji and say so. */
const compareEmoji = async (
  ask: () => Promise<VerificationRequest>,
  incoming: Promise<VerificationRequest>,
): Promise<void> => {
  const [mine, theirs] = await Promise.all([ask(), incoming]);
  await theirs.accept();
  await inPhase(mine, VerificationPhase.Ready);
  const verifier = await mine.startVerification(SAS);
  await inPhase(theirs, VerificationPhase.Started);
  const { verifier: other } = theirs;
  if (other === undefined) throw new Error('no verifier');
  const done = Promise.all([verifier.verify(), other.verify()]);
  const [here, there] = await Promise.all([shownSas(verifier), shownSas(other)]);
  expect(here.sas.emoji).toHaveLength(7);
  expect(here.sas.emoji).toEqual(there.sas.emoji);
  await Promise.all([here.confirm(), there.confirm()]);
  await done;
};

/** Two users verify each other in a room; each signs the other's master key. */
export const verifyUsers = async (room: string, one: MatrixClient, other: MatrixClient): Promise<void> => {
  for (const [viewer, of] of [
    [one, other],
    [other, one],
  ] as const)
    await vi.waitFor(async () => {
      expect(await cryptoOf(viewer).userHasCrossSigningKeys(of.getSafeUserId(), true)).toBe(true);
    }, WAIT);
  await compareEmoji(
    () => cryptoOf(one).requestVerificationDM(other.getSafeUserId(), room),
    incomingRequest(other),
  );
  for (const [viewer, of] of [
    [one, other],
    [other, one],
  ] as const)
    await vi.waitFor(async () => {
      const status = await cryptoOf(viewer).getUserVerificationStatus(of.getSafeUserId());
      expect(status.isCrossSigningVerified()).toBe(true);
    }, WAIT);
};

/** A new device is verified by an old one, over messages to devices, and is handed the secrets. */
const verifyOwnDevice = async (old: MatrixClient, fresh: MatrixClient): Promise<void> => {
  const [user, deviceId] = [fresh.getSafeUserId(), fresh.getDeviceId() ?? ''];
  await vi.waitFor(async () => {
    const devices = await cryptoOf(old).getUserDeviceInfo([user]);
    expect(devices.get(user)?.has(deviceId)).toBe(true);
  }, WAIT);
  await compareEmoji(() => cryptoOf(fresh).requestOwnUserVerification(), incomingRequest(old));
  for (const each of [old, fresh])
    await vi.waitFor(async () => {
      const status = await cryptoOf(each).getDeviceVerificationStatus(user, deviceId);
      expect(status?.crossSigningVerified).toBe(true);
    }, WAIT);
  await vi.waitFor(async () => {
    expect(await cryptoOf(fresh).getSessionBackupPrivateKey()).not.toBeNull();
    expect((await cryptoOf(fresh).getCrossSigningStatus()).privateKeysCachedLocally).toEqual({
      masterKey: true,
      selfSigningKey: true,
      userSigningKey: true,
    });
  }, WAIT);
};

/** Waits until so many room keys are in the user's backup on the server. */
const backedUp = async (client: MatrixClient, count: number): Promise<void> => {
  await vi.waitFor(async () => {
    // Asked for past the SDK, which remembers the first answer.
    const info = await client.http.authedRequest<{ count: number }>(Method.Get, '/room_keys/version');
    expect(info.count).toBeGreaterThanOrEqual(count);
  }, WAIT);
};

/** Restores the backup on a device that has its key, and opens an old message with it. */
const restores = async (client: MatrixClient, room: string, eventId: string, body: string): Promise<void> => {
  const crypto = cryptoOf(client);
  const { imported } = await crypto.restoreKeyBackup();
  expect(imported).toBeGreaterThan(0);
  const event = client.getRoom(room)?.findEventById(eventId);
  if (event === undefined) {
    // Older than what the sync brought.
    const found = client.getEventMapper()(await client.fetchRoomEvent(room, eventId));
    await client.decryptEventIfNeeded(found);
    expect(found.getContent().body).toBe(body);
    return;
  }
  expect((await decrypted(client, room, eventId)).getContent().body).toBe(body);
};

/** The SDK logs past the logger it is given; reports of the contract check are let through. */
export const silenceSdk = (): void => {
  for (const level of ['debug', 'info', 'trace', 'log', 'error'] as const)
    vi.spyOn(console, level).mockImplementation(() => undefined);
  const { warn } = console;
  vi.spyOn(console, 'warn').mockImplementation((...args: unknown[]) => {
    if (String(args[0]).startsWith('[contract]')) warn(...args);
  });
  // The SDK waits up to ten seconds, by chance, before it uploads.
  vi.spyOn(Math, 'random').mockReturnValue(0);
};

/** Everything two people do with each other: used against our servers and against a real Synapse. */
export const livesTogether = async (one: Person, other: Person): Promise<void> => {
  const room = await secretRoom(one.client, other.client);
  await exchange(room, one.client, other.client);
  for (const each of [one, other]) await giveIdentity(each);
  await verifyUsers(room, one.client, other.client);
  const [id = ''] = await exchange(room, one.client, other.client);
  for (const each of [one, other]) {
    await backedUp(each.client, 1);
    const tablet = await anotherDevice(each);
    await verifyOwnDevice(each.client, tablet);
    await restores(tablet, room, id, 'to you');
    const { event_id: said } = await tablet.sendMessage(room, { msgtype: MsgType.Text, body: 'by tablet' });
    for (const hearer of [one.client, other.client])
      expect((await decrypted(hearer, room, said)).getContent().body).toBe('by tablet');
    tablet.stopClient();
  }
};
