import { KeyBackups } from '../domain/e2ee/backup/key-backups.ts';
import type { ClaimDeps } from '../domain/e2ee/claim-keys.ts';
import { CachedStock, stockKey } from '../domain/e2ee/cached-stock.ts';
import type { ChangesBetweenDeps } from '../domain/e2ee/changes-between.ts';
import { changesBetween } from '../domain/e2ee/changes-between.ts';
import type { DeviceListDelta, Encounters } from '../domain/e2ee/device-list-delta.ts';
import { deviceListDelta } from '../domain/e2ee/device-list-delta.ts';
import { RemoteBundles } from '../domain/e2ee/federation/remote-bundles.ts';
import type { RoomMembers } from '../domain/e2ee/screen-to-device.ts';
import { RESYNC_DEVICES_JOB, resyncDevicesJob } from '../jobs/keys/resync-devices.ts';
import { MongoRemoteAnswers } from '../storage/mongo/keys/mongo-remote-answers.ts';
import { wireDehydration } from './dehydration.ts';
import { keyMetrics } from './key-metrics.ts';
import { LOW_STOCK } from '../domain/e2ee/limits.ts';
import type { QueryDeps } from '../domain/e2ee/query-keys.ts';
import { queryKeys } from '../domain/e2ee/query-keys.ts';
import type { RoomRecords } from '../domain/e2ee/rooms-in-common.ts';
import { roomsInCommon } from '../domain/e2ee/rooms-in-common.ts';
import type { SendToDeviceDeps } from '../domain/e2ee/send-to-device.ts';
import { DEVICES_REMOVED_JOB } from '../domain/e2ee/rotation/jobs.ts';
import { randomToken } from '../domain/ids.ts';
import { createAskForKeys } from '../domain/e2ee/ask-for-keys.ts';
import type { DeviceWakes } from '../ports/pushers.ts';
import { createStockWatch } from '../domain/e2ee/stock-watch.ts';
import { crossSigningRoutes } from '../http/client/keys/cross-signing.ts';
import { claimKeysRoutes } from '../http/client/keys/claim-keys.ts';
import { getKeysChangesRoute } from '../http/client/keys/get-keys-changes.ts';
import { queryKeysRoute } from '../http/client/keys/query-keys.ts';
import { sendToDeviceRoute } from '../http/client/keys/send-to-device.ts';
import { uploadKeysRoute } from '../http/client/keys/upload-keys.ts';
import { backupKeyRoutes } from '../http/client/room-keys/keys.ts';
import { backupVersionRoutes } from '../http/client/room-keys/versions.ts';
import { authDataSchema } from '../domain/accounts/interactive-auth.ts';
import { replenishJob } from '../jobs/keys/replenish.ts';
import { sweepStockJob } from '../jobs/keys/sweep-stock.ts';
import type { DeviceInbox } from '../ports/device-inbox.ts';
import type { DeviceRef, KeyStock } from '../ports/device-key-store.ts';
import type { DeviceListChanges, RoomSharing } from '../ports/device-lists.ts';
import type { DeviceSignals } from '../ports/device-signals.ts';
import type { RotationRooms } from '../jobs/keys/rotation.ts';
import { rotationJobs } from '../jobs/keys/rotation.ts';
import { MongoCrossSigningStore } from '../storage/mongo/keys/mongo-cross-signing-store.ts';
import { MongoDeviceInbox } from '../storage/mongo/keys/mongo-device-inbox.ts';
import { MongoDeviceKeyStore } from '../storage/mongo/keys/mongo-device-key-store.ts';
import { MongoDeviceListChanges } from '../storage/mongo/keys/mongo-device-list-changes.ts';
import { MongoDeviceSignals } from '../storage/mongo/keys/mongo-device-signals.ts';
import { MongoKeyBackupStore } from '../storage/mongo/keys/mongo-key-backup-store.ts';
import { MongoKeyStocks } from '../storage/mongo/keys/mongo-key-stocks.ts';
import { MongoLocalDevices } from '../storage/mongo/keys/mongo-local-devices.ts';
import { MongoPrekeyStore } from '../storage/mongo/keys/mongo-prekey-store.ts';
import { MongoServedRequests } from '../storage/mongo/keys/mongo-served-requests.ts';
import { CachedRemoteKeys } from '../domain/e2ee/federation/cached-remote-keys.ts';
import type { ReceiveDeviceListDeps } from '../domain/e2ee/federation/receive-device-list.ts';
import {
  receiveDeviceListUpdate,
  receiveSigningKeyUpdate,
} from '../domain/e2ee/federation/receive-device-list.ts';
import { TELL_DEVICES_JOB } from '../domain/e2ee/federation/tell-devices.ts';
import { receiveDirectToDevice } from '../domain/e2ee/receive-direct-to-device.ts';
import { noOutboundEdus, noRemoteKeys } from '../domain/e2ee/without-federation.ts';
import type { CommitListener } from '../domain/events/event-engine.ts';
import type { EduHandler } from '../domain/federation/receive-transaction.ts';
import { userKeysRoutes } from '../http/federation/user-keys.ts';
import { tellDevicesJob } from '../jobs/keys/tell-devices.ts';
import type { Logger } from '../ports/logger.ts';
import type { RemoteDeviceLists } from '../ports/remote-device-lists.ts';
import { MongoDeviceListOutbox } from '../storage/mongo/keys/mongo-device-list-outbox.ts';
import { MongoRemoteDeviceLists } from '../storage/mongo/keys/mongo-remote-device-lists.ts';
import { keyServerApi, outboundEdus, toDeviceTransport } from './peer-keys.ts';
import type { Peers } from './peers.ts';
import type { Accounts } from './accounts.ts';
import type { Area } from './area.ts';
import type { Foundation } from './foundation.ts';

/** What keys need of the other areas. */
export type KeyNeeds = {
  readonly accounts: Pick<Accounts, 'confirmIdentity' | 'observers' | 'devices' | 'sessions'>;
  readonly rooms: Omit<RoomRecords, 'serverName'>;
  readonly rotation: RotationRooms;
  readonly members: RoomMembers;
  readonly wakes: DeviceWakes;
  /** What tells whom a user met while away. */
  readonly history: Omit<ChangesBetweenDeps, 'delta'>;
  /** The way to other servers; none on a server that does not federate. */
  readonly peers: Peers | undefined;
  /** Whether a user of ours is in a room with a user of another server. */
  readonly isFollowed: (userId: string) => Promise<boolean>;
  readonly onCommit: (listener: CommitListener) => Disposable;
};

/** What others may use of keys: /sync, sockets, federation. */
export type Keys = Area & {
  readonly inbox: DeviceInbox;
  /** Counts of a device's keys, from memory while nothing changes. */
  readonly stockOf: (device: DeviceRef) => Promise<KeyStock>;
  readonly signals: DeviceSignals;
  readonly changes: DeviceListChanges;
  readonly sharing: RoomSharing;
  readonly claims: ClaimDeps;
  readonly queries: QueryDeps;
  readonly toDevice: SendToDeviceDeps;
  /** What handles the ephemeral messages about keys that other servers send, by type. */
  readonly edus: ReadonlyMap<string, EduHandler>;
  /** `device_lists` for a user since a stream position. */
  readonly deviceLists: (viewer: string, from: number, met: Encounters) => Promise<DeviceListDelta>;
  /** The same for a user who was away, whomever they met meanwhile. */
  readonly changesBetween: (viewer: string, from: number, to: number) => Promise<DeviceListDelta>;
};

/** How long claims are gathered before the stock of their devices is looked at, in ms. */
const STOCK_LOOK_MS = 100;
/** Length of what tells one removal of devices from another. */
const NONCE_LENGTH = 16;
const SWEEP_EVERY_MS = 600_000;

const wireStores = (foundation: Foundation, rooms: KeyNeeds['rooms']) => {
  const { db, transact, stream, notifier, platform, relay, outbox } = foundation;
  const { clock } = platform;
  const listOutbox = new MongoDeviceListOutbox(db);
  const changes = new MongoDeviceListChanges({
    db,
    stream,
    notifier,
    transact,
    also: async (userId, change, session) => {
      await listOutbox.note(userId, change, session);
      await outbox.add([{ name: TELL_DEVICES_JOB, payload: { userId }, key: userId }], session);
    },
    roomsOf: async (users) => (await Promise.all(users.map((user) => rooms.joined(user)))).flat(),
    committed: () => relay.poke(),
  });
  return {
    changes,
    listOutbox,
    remoteLists: new MongoRemoteDeviceLists(db, clock),
    devices: new MongoDeviceKeyStore({
      db,
      clock,
      transact,
      recordChange: (userId, change, run) => changes.recordWith(userId, change, run),
      removed: async (userId, session) => {
        const nonce = randomToken(platform.random, NONCE_LENGTH);
        await outbox.add([{ name: DEVICES_REMOVED_JOB, payload: { userId, nonce } }], session);
      },
    }),
    prekeys: new MongoPrekeyStore({ db, clock }),
    remoteAnswers: new MongoRemoteAnswers(db, clock),
    crossSigning: new MongoCrossSigningStore(db, transact),
    backups: new MongoKeyBackupStore(db, transact),
    inbox: new MongoDeviceInbox({ db, stream, notifier, transact, clock }),
    signals: new MongoDeviceSignals({ db, clock, stream, notifier }),
    stocks: new MongoKeyStocks(db, clock),
    localDevices: new MongoLocalDevices(db),
    served: new MongoServedRequests(db, clock),
  };
};

/** Everything the server does for end-to-end encryption: public keys, inboxes, backups. It sees no secret. */
export const wireKeys = (foundation: Foundation, needs: KeyNeeds): Keys => {
  const { accounts, rooms, rotation, peers } = needs;
  const { config, platform, rateLimiter, relay } = foundation;
  const serverName = config.server.name;
  const stores = wireStores(foundation, rooms);
  const { devices, prekeys, crossSigning, changes, inbox, signals, stocks, localDevices, served } = stores;
  const { listOutbox, remoteLists } = stores;
  const sharing = roomsInCommon({ ...rooms, serverName });
  const stock = createStockWatch({
    lowAmong: (low) => stocks.lowAmong(low, LOW_STOCK),
    queue: relay,
    changed: (device) => foundation.notifier.publish([stockKey(device)], 0),
    soon: (run) => {
      setTimeout(() => {
        run().catch((error: unknown) => {
          platform.logger.warn({ err: error }, 'could not look at the stock of one-time keys');
        });
      }, STOCK_LOOK_MS).unref();
    },
  });
  const { bus, notifier } = foundation;
  const cachedStock = foundation.resources.use(
    new CachedStock({ prekeys, notifier, isAlone: () => bus.isAlone }),
  );
  const cached =
    peers &&
    new CachedRemoteKeys({ api: keyServerApi(peers), lists: remoteLists, isFollowed: needs.isFollowed });
  const remote = cached ?? noRemoteKeys;
  const edus = peers === undefined ? noOutboundEdus : outboundEdus(peers);
  const transport = toDeviceTransport(edus);
  followRemoteJoins(foundation, needs, remoteLists);
  const claims: ClaimDeps = {
    prekeys,
    remote,
    remoteBundles: new RemoteBundles(stores.remoteAnswers),
    meter: keyMetrics(foundation, stocks),
    rateLimiter,
    stock,
    serverName,
  };
  const queries: QueryDeps = { devices, crossSigning, names: localDevices, remote, serverName };
  // What people call their devices stays here unless the operator says otherwise.
  const told: QueryDeps = config.federation.deviceNames
    ? queries
    : { ...queries, names: { namesOf: () => Promise.resolve(new Map()) } };
  const screen = { members: needs.members, rateLimiter };
  const toDevice: SendToDeviceDeps = { inbox, devices: localDevices, transport, served, screen, serverName };
  const following: ReceiveDeviceListDeps = {
    lists: remoteLists,
    changes,
    isFollowed: needs.isFollowed,
    resync: (userId) => relay.enqueue([{ name: RESYNC_DEVICES_JOB, payload: { userId }, key: userId }]),
  };
  const uploads = { devices, prekeys, stock };
  const masterKeys = async (userIds: readonly string[]) => {
    const wanted = new Map(userIds.map((user) => [user, []]));
    const { crossSigning: found } = await queryKeys(queries, '', wanted, MASTER_KEYS_TIMEOUT_MS);
    return new Map(
      [...found].flatMap(([user, { master }]) => (master === undefined ? [] : [[user, master]])),
    );
  };
  const deviceLists: Keys['deviceLists'] = (viewer, from, encounters) =>
    deviceListDelta({ changes, sharing }, viewer, from, encounters);
  const between: Keys['changesBetween'] = (viewer, from, to) =>
    changesBetween({ ...needs.history, delta: deviceLists }, viewer, from, to);
  const ask = createAskForKeys({
    signals,
    wakes: needs.wakes,
    lastSeen: async ({ userId, deviceId }) => (await accounts.devices.find(userId, deviceId))?.seenAt,
    clock: platform.clock,
  });
  const sweep = sweepStockJob(stocks, ask, platform.clock);
  const backups = new KeyBackups(stores.backups);
  accounts.observers.devices.push({
    devicesAdded: () => Promise.resolve(),
    devicesRenamed: (userId, deviceIds) => changes.recordOwn(userId, { deviceIds }),
    devicesRemoved: async (userId, deviceIds) => {
      await devices.remove(userId, deviceIds);
      await inbox.drop(deviceIds.map((deviceId) => ({ userId, deviceId })));
    },
  });
  return {
    inbox,
    stockOf: (device) => cachedStock.stock(device),
    signals,
    changes,
    sharing,
    claims,
    queries,
    toDevice,
    deviceLists,
    changesBetween: between,
    edus: keyEdus(following, toDevice, platform.logger),
    unstableFeatures: {
      'org.matrix.msc3983': true,
      'org.matrix.msc3814': true,
      'org.matrix.e2e_cross_signing': true,
    },
    routes: [
      uploadKeysRoute(uploads),
      ...wireDehydration(foundation, accounts, uploads, inbox),
      queryKeysRoute(queries),
      ...claimKeysRoutes(claims),
      ...crossSigningRoutes({ crossSigning, devices, changes, masterKeys }, ({ userId }, purpose, auth) =>
        accounts.confirmIdentity(purpose, userId, authDataSchema.parse(auth)),
      ),
      getKeysChangesRoute(between),
      sendToDeviceRoute(toDevice),
      ...backupVersionRoutes(backups),
      ...backupKeyRoutes(backups),
      ...(peers === undefined ? [] : userKeysRoutes({ queries: told, claims, outbox: listOutbox })),
    ],
    jobs: [
      replenishJob(stocks, ask),
      sweep,
      tellDevicesJob({ outbox: listOutbox, sharing, edus, queries: told }),
      ...(cached === undefined ? [] : [resyncDevicesJob({ ...following, remote: cached })]),
      ...rotationJobs({ ...toDevice, rooms: rotation, queue: relay }),
    ],
    schedules: [{ job: sweep, everyMs: SWEEP_EVERY_MS, payload: {} }],
  };
};

/** What other servers tell about keys and send to devices (spec: Server-Server API, EDUs of end-to-end encryption). */
const keyEdus = (
  lists: ReceiveDeviceListDeps,
  toDevice: SendToDeviceDeps,
  logger: Logger,
): ReadonlyMap<string, EduHandler> =>
  new Map<string, EduHandler>([
    ['m.device_list_update', (origin, content) => receiveDeviceListUpdate(lists, origin, content)],
    ['m.signing_key_update', (origin, content) => receiveSigningKeyUpdate(lists, origin, content)],
    [
      'm.direct_to_device',
      async (origin, content) => {
        const outcome = await receiveDirectToDevice(toDevice, origin, content);
        if (outcome === 'malformed' || outcome === 'foreign_sender')
          logger.warn({ origin, outcome }, 'refused a message to devices from another server');
      },
    ],
  ]);

/** Who joins a room may have changed devices while nobody told us: what is known of them is asked for anew. */
const followRemoteJoins = (
  { config, platform, resources }: Foundation,
  { onCommit }: KeyNeeds,
  lists: RemoteDeviceLists,
): void => {
  const suffix = `:${config.server.name}`;
  resources.use(
    onCommit((events) => {
      const joined = events.flatMap(({ memberChanges }) =>
        memberChanges.flatMap(({ user, membership }) =>
          membership === 'join' && !user.endsWith(suffix) ? [user] : [],
        ),
      );
      if (joined.length === 0) return;
      lists.forget(joined).catch((error: unknown) => {
        platform.logger.warn({ err: error }, 'could not forget the device lists of users who joined');
      });
    }),
  );
};

/** How long another server's answer is waited for when its users' master keys are signed. */
const MASTER_KEYS_TIMEOUT_MS = 10_000;
