import { registrationIsOpen } from '@nyx/config/derived.ts';
import { argon2Hasher } from '../adapters/argon2-hasher.ts';
import { AccountData } from '../domain/accounts/account-data.ts';
import { SessionAuthenticator } from '../domain/accounts/authenticate.ts';
import { InteractiveAuth } from '../domain/accounts/interactive-auth.ts';
import { firstAdminToken } from '../domain/accounts/first-admin.ts';
import { Credentials } from '../domain/accounts/log-in.ts';
import { Moderation } from '../domain/accounts/moderate.ts';
import { PROFILE_CHANGED_JOB, Profiles } from '../domain/accounts/profiles.ts';
import { REGISTERED_JOB, Registrar } from '../domain/accounts/register.ts';
import { Sessions } from '../domain/accounts/sessions.ts';
import type { ConfirmIdentity } from '../http/client/confirm-identity.ts';
import { confirmIdentity } from '../http/client/confirm-identity.ts';
import { userEventJob } from '../jobs/accounts/user-event.ts';
import type { AccountObserver } from '../ports/account-observer.ts';
import type {
  AccountDataStore,
  DeviceStore,
  FilterStore,
  ProfileStore,
  UserStore,
} from '../ports/accounts.ts';
import type { RemoteProfiles } from '../ports/remote-profiles.ts';
import type { DeviceObserver } from '../ports/device-observer.ts';
import { MongoAccountDataStore } from '../storage/mongo/accounts/account-data.ts';
import { MongoAuthSessionStore } from '../storage/mongo/accounts/auth-sessions.ts';
import { MongoDeviceStore } from '../storage/mongo/accounts/devices.ts';
import { MongoFilterStore } from '../storage/mongo/accounts/filters.ts';
import { MongoGrantStore } from '../storage/mongo/accounts/grants.ts';
import { MongoProfileStore } from '../storage/mongo/accounts/profiles.ts';
import { MongoRegistrationTokenStore } from '../storage/mongo/accounts/registration-tokens.ts';
import { MongoUserStore } from '../storage/mongo/accounts/users.ts';
import { mongoAccountCloser } from '../storage/mongo/accounts/close-account.ts';
import { accountRoutes } from './account-routes.ts';
import type { Area } from './area.ts';
import type { Foundation } from './foundation.ts';

/** What accounts offer to other areas. */
export type Accounts = Area & {
  readonly authenticator: SessionAuthenticator;
  readonly users: UserStore;
  readonly devices: DeviceStore;
  readonly profileStore: ProfileStore;
  readonly profiles: Profiles;
  readonly accountData: AccountData;
  readonly accountDataStore: AccountDataStore;
  readonly filters: FilterStore;
  readonly sessions: Sessions;
  readonly confirmIdentity: ConfirmIdentity;
  /** The token that makes the first user, an administrator, while there is none. */
  readonly firstAdminToken: () => Promise<string | undefined>;
  /** Other areas add themselves here while they are wired. */
  readonly observers: { readonly accounts: AccountObserver[]; readonly devices: DeviceObserver[] };
};

export const DEACTIVATED_JOB = 'accounts.deactivated';
const SIGHTINGS_INTERVAL_MS = 60_000;

/** One observer that tells several, one after the other. */
const tellAll = (observers: readonly DeviceObserver[]): DeviceObserver => ({
  devicesAdded: async (userId, deviceIds) => {
    for (const observer of observers) await observer.devicesAdded(userId, deviceIds);
  },
  devicesRenamed: async (userId, deviceIds) => {
    for (const observer of observers) await observer.devicesRenamed(userId, deviceIds);
  },
  devicesRemoved: async (userId, deviceIds) => {
    for (const observer of observers) await observer.devicesRemoved(userId, deviceIds);
  },
});

/** Where devices were seen is written down now and then, and when the server stops. */
const sightingsWriter = (authenticator: SessionAuthenticator, foundation: Foundation) => {
  const flush = async (): Promise<void> => {
    try {
      await authenticator.flushSightings();
    } catch (error) {
      foundation.platform.logger.debug({ err: error }, 'could not write down where devices were seen');
    }
  };
  let timer: NodeJS.Timeout | undefined;
  return {
    start: () => {
      timer = setInterval(() => void flush(), SIGHTINGS_INTERVAL_MS).unref();
    },
    stop: async () => {
      clearInterval(timer);
      await flush();
      authenticator[Symbol.dispose]();
    },
  };
};

const wireStores = ({ db }: Foundation) => ({
  users: new MongoUserStore(db),
  devices: new MongoDeviceStore(db),
  profileStore: new MongoProfileStore(db),
  accountDataStore: new MongoAccountDataStore(db),
  filters: new MongoFilterStore(db),
  grants: new MongoGrantStore(db),
  authSessions: new MongoAuthSessionStore(db),
  registrationTokens: new MongoRegistrationTokenStore(db),
});

/** What accounts need of other areas, as far as they are there. */
export type AccountsLinks = { readonly remoteProfiles?: RemoteProfiles };

const wireJobs = (observers: readonly AccountObserver[]) => [
  userEventJob(REGISTERED_JOB, observers, (observer, userId) => observer.registered?.(userId)),
  userEventJob(DEACTIVATED_JOB, observers, (observer, userId) => observer.deactivated?.(userId)),
  userEventJob(PROFILE_CHANGED_JOB, observers, (observer, userId, field) =>
    observer.profileChanged?.(userId, field),
  ),
];

const wireDomain = (foundation: Foundation, links: AccountsLinks) => {
  const { config, platform, bus, relay, rateLimiter, stream, notifier, db, transact, outbox } = foundation;
  const { clock, random } = platform;
  const stores = wireStores(foundation);
  const { users, devices } = stores;
  const observers: Accounts['observers'] = { accounts: [], devices: [] };
  const authenticator = new SessionAuthenticator({ users, devices, bus, clock });
  const forget = (userId: string): void => authenticator.forget(userId);
  const deviceObserver = tellAll(observers.devices);
  const { minPasswordLength, guests } = config.registration;
  const serverName = config.server.name;
  const policy = { serverName, open: registrationIsOpen(config), guests, minPasswordLength };
  const { accessTokenLifetime: access, refreshTokenLifetime: refresh, uiaLifetime } = config.sessions;
  const credentials = new Credentials({
    ...stores,
    hasher: argon2Hasher,
    clock,
    random,
    rateLimiter,
    serverName,
  });
  const interactiveAuth = new InteractiveAuth(stores.authSessions, clock, random, uiaLifetime);
  const { profileStore } = stores;
  return {
    ...stores,
    observers,
    deviceObserver,
    authenticator,
    credentials,
    interactiveAuth,
    policy,
    sessions: new Sessions({
      devices,
      clock,
      random,
      observer: deviceObserver,
      forget,
      lifetimes: { access, refresh },
    }),
    registrar: new Registrar({ users, hasher: argon2Hasher, clock, random, queue: relay, policy }),
    confirmIdentity: confirmIdentity(interactiveAuth, credentials),
    accountData: new AccountData(stores.accountDataStore, stream, notifier, bus),
    moderation: new Moderation({ users, serverName, forget }),
    closer: mongoAccountCloser(db, transact, outbox, DEACTIVATED_JOB),
    profiles: new Profiles({
      profiles: profileStore,
      users,
      queue: relay,
      remote: links.remoteProfiles,
      serverName,
    }),
  };
};

/** All parts of the area, as its routes see them. */
export type AccountParts = ReturnType<typeof wireDomain>;

/** Accounts, sessions, devices, profiles and what users keep on the server. */
export const wireAccounts = (foundation: Foundation, links: AccountsLinks = {}): Accounts => {
  const parts = wireDomain(foundation, links);
  const { authenticator, observers } = parts;
  foundation.metrics.gauge(
    'nyx_cached_sessions',
    'Access tokens known without asking the database',
    () => authenticator.cachedSessions,
  );
  const sightings = sightingsWriter(authenticator, foundation);
  return {
    ...parts,
    firstAdminToken: () => firstAdminToken(parts.users, parts.registrationTokens, foundation.platform.random),
    routes: accountRoutes(foundation, parts),
    jobs: wireJobs(observers.accounts),
    start: async () => sightings.start(),
    stop: () => sightings.stop(),
  };
};
