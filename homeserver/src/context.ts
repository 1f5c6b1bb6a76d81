import type { Config } from '@nyx/config/schema.ts';
import { isRoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { Secret } from '@nyx/config/secret.ts';
import type { Route } from './http/route.ts';
import { JobWorker } from './jobs/worker.ts';
import type { QueueName } from './jobs/define-job.ts';
import { keepSchedules } from './jobs/schedulers.ts';
import type { Platform } from './ports/platform.ts';
import type { SocketEndpoint } from './socket/upgrade.ts';
import { connectRedis, disconnectRedis } from './redis/connection.ts';
import {
  noRemoteDirectory,
  noRemoteHistory,
  noRemoteRooms,
  noRemoteSpaces,
} from './domain/rooms/without-federation.ts';
import {
  CachedIgnoredUsers,
  cachedPushRules,
  invitePolicy,
  profileLookup,
} from './wiring/account-adapters.ts';
import type { FederationAuthenticator } from './ports/federation-authenticator.ts';
import { followAccounts } from './wiring/account-changes.ts';
import type { Accounts } from './wiring/accounts.ts';
import { wireAccounts } from './wiring/accounts.ts';
import type { Area } from './wiring/area.ts';
import { wireCalls } from './wiring/calls.ts';
import { wireDiscovery } from './wiring/discovery.ts';
import { wireEvents } from './wiring/events.ts';
import { federationCore, wireFederation } from './wiring/federation.ts';
import type { Foundation } from './wiring/foundation.ts';
import { buildFoundation } from './wiring/foundation.ts';
import { wireKeys } from './wiring/keys.ts';
import { ownPolicy, policySignatures } from './wiring/policies.ts';
import { wireMedia } from './wiring/media.ts';
import { openOutside } from './wiring/outside.ts';
import { remoteLinks, wirePeers } from './wiring/peers.ts';
import { wireListings } from './wiring/listings.ts';
import { wirePlugins } from './wiring/plugins.ts';
import { wirePush, wirePushStores } from './wiring/push.ts';
import { wireSocket } from './wiring/socket.ts';
import { wireSearch } from './wiring/search.ts';
import { wireSync } from './wiring/sync.ts';
import { wireOperator } from './wiring/operator.ts';
import { rotationRooms } from './wiring/rotation-rooms.ts';
import { wireRotation } from './wiring/rotation.ts';
import { roomServices } from './wiring/room-services.ts';
import { wireRooms } from './wiring/rooms.ts';
import { wireSignsOfLife } from './wiring/signs-of-life.ts';
import { signerOf } from './wiring/signer.ts';

/** A wired server that does not listen yet. */
export type Context = AsyncDisposable & {
  readonly foundation: Foundation;
  readonly routes: readonly Route[];
  /** Undefined where this process serves none. */
  readonly sockets: SocketEndpoint | undefined;
  readonly operatorToken: Secret;
  readonly accounts: Accounts;
  /** Undefined when this server does not federate. */
  readonly federationAuthenticator: FederationAuthenticator | undefined;
  /** Starts what runs in the background. */
  start(): Promise<void>;
};

const CONCURRENCY: Readonly<Record<QueueName, number>> = {
  default: 5,
  federation: 20,
  push: 10,
  media: 2,
  keys: 5,
  maintenance: 1,
};

const wireAreas = (foundation: Foundation, stopping: AbortSignal) => {
  const peers = foundation.config.federation.enabled ? wirePeers(foundation) : undefined;
  const accounts = wireAccounts(foundation, peers === undefined ? {} : remoteLinks(peers));
  const policy = ownPolicy(foundation);
  const signer = signerOf(foundation.config, foundation.platform);
  const events = wireEvents(foundation, signer, policySignatures(foundation, peers, policy));
  const outside = openOutside(foundation);
  const pushStores = wirePushStores(foundation);
  const ignored = new CachedIgnoredUsers(accounts.accountDataStore);
  accounts.accountData.onChange((user) => ignored.forget(user));
  const rotation = wireRotation(foundation, events);
  const core = peers && federationCore(foundation, events, peers);
  const invites = invitePolicy(accounts.accountDataStore, foundation.plugins);
  const rooms = roomServices(foundation, events, {
    epochs: rotation.guard,
    profiles: profileLookup(accounts.profileStore),
    invites,
    ignored,
    remote: core?.remote ?? noRemoteRooms,
    history: core?.history ?? noRemoteHistory,
    spaces: core?.spaces ?? noRemoteSpaces,
  });
  followAccounts(foundation, accounts, rooms);
  const fanOut = rotationRooms(rooms, rotation.departures);
  const keys = wireKeys(foundation, {
    accounts,
    rooms: {
      joined: (user) => rooms.userRooms.joined(user),
      servers: async (room) => (await rooms.rooms.find(room))?.tally.servers.keys() ?? [],
    },
    rotation: fanOut,
    wakes: pushStores.wakes,
    members: {
      isJoined: async (room, user) => isRoomId(room) && (await rooms.rooms.membership(room, user)) === 'join',
    },
    history: {
      reader: events.stores.reader,
      joined: (user) => rooms.userRooms.joined(user),
      roomsOf: async (user) => new Set((await rooms.userRooms.of(user)).keys()),
      membersOf: (room) => fanOut.joinedMembers(room),
    },
    peers,
    onCommit: (listener) => events.engine.onCommit(listener),
    isFollowed: async (user) => {
      const { name } = foundation.config.server;
      for (const room of await rooms.userRooms.joined(user))
        if ((await rooms.rooms.find(room))?.tally.servers.has(name) === true) return true;
      return false;
    },
  });
  accounts.observers.accounts.push(rooms.accounts);
  const pushRules = cachedPushRules(accounts.accountData);
  const life = wireSignsOfLife(foundation, events, rooms, {
    accountData: accounts.accountData,
    pushRules,
    ignored,
    sharing: keys.sharing,
  });
  const sync = wireSync(foundation, events, rooms, {
    accountData: accounts.accountData,
    accountDataStore: accounts.accountDataStore,
    filters: accounts.filters,
    ignored,
    keys,
    life,
  });
  const areas: readonly Area[] = [
    wireOperator(foundation, stopping),
    accounts,
    wireRooms(foundation, events, rooms, core?.directory ?? noRemoteDirectory),
    life,
    sync,
    keys,
    rotation,
    wirePush(foundation, pushStores, events, {
      accounts,
      rooms,
      life,
      rules: pushRules,
      ignored,
      http: outside,
    }),
    wireSearch(foundation, events, rooms, {
      observers: accounts.observers.accounts,
      profiles: profileLookup(accounts.profileStore),
      ignored,
    }),
    wireCalls(foundation),
    wireListings(foundation, accounts, peers?.api),
    wirePlugins(foundation, events, accounts.observers.accounts),
    wireMedia(foundation, peers, outside),
  ];
  const federation =
    peers === undefined || core === undefined
      ? []
      : [
          wireFederation(foundation, events, peers, core, {
            users: accounts.users,
            profiles: accounts.profileStore,
            invites,
            services: rooms,
            life,
            edus: keys.edus,
            policy,
          }),
        ];
  const features: Record<string, boolean> = {};
  for (const { unstableFeatures = {} } of areas) Object.assign(features, unstableFeatures);
  const all = [...areas, ...federation, wireDiscovery(foundation.config, features, policy?.publicKey)];
  const routes = all.flatMap(({ routes: some }) => some ?? []);
  return {
    accounts,
    areas: all,
    routes,
    sockets: wireSocket(foundation, {
      authenticator: accounts.authenticator,
      filters: accounts.filters,
      observer: life.presence,
      news: sync.news,
      routes,
    }),
    federationAuthenticator: peers?.authenticator,
  };
};

const startJobs = (foundation: Foundation, areas: readonly Area[]): void => {
  const { roles, config, platform, jobs, relay, outbox, queues, redis, resources } = foundation;
  relay.start();
  if (!roles.worker) return;
  const { logger } = platform;
  const uri = config.redis.uri?.reveal() ?? '';
  const connection = resources.adopt(connectRedis(uri, 'wait', logger), disconnectRedis);
  const worker = new JobWorker({
    connection,
    prefix: config.redis.keyPrefix,
    jobs,
    ledger: outbox,
    logger,
    concurrency: CONCURRENCY,
  });
  resources.defer(() => worker.close(config.server.shutdownGrace));
  resources.use(
    keepSchedules(
      areas.flatMap(({ schedules }) => schedules ?? []),
      { queues, redis, logger },
    ),
  );
};

/** Wires the whole server; the only place that knows which part is made of what. */
export const createContext = async (
  config: Config,
  platform: Platform,
  stopping: AbortSignal,
): Promise<Context> => {
  const foundation = await buildFoundation(config, platform);
  const { accounts, areas, routes, sockets, federationAuthenticator } = wireAreas(foundation, stopping);
  for (const job of areas.flatMap(({ jobs }) => jobs ?? [])) foundation.jobs.set(job.name, job);
  return {
    foundation,
    routes,
    sockets,
    operatorToken: config.server.admin.token ?? platform.secret('admin-token'),
    accounts,
    federationAuthenticator,
    start: async () => {
      startJobs(foundation, areas);
      for (const { start } of areas) await start?.();
    },
    [Symbol.asyncDispose]: async () => {
      for (const { stop } of areas.toReversed()) await stop?.();
      await foundation.resources.disposeAsync();
    },
  };
};
