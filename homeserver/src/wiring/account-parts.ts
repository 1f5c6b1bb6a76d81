import { registrationIsOpen } from '@nyx/config/derived.ts';
import { argon2Hasher } from '../adapters/argon2-hasher.ts';
import { AccountData } from '../domain/accounts/account-data.ts';
import { SessionAuthenticator } from '../domain/accounts/authenticate.ts';
import { InteractiveAuth } from '../domain/accounts/interactive-auth.ts';
import { Credentials } from '../domain/accounts/log-in.ts';
import { Moderation } from '../domain/accounts/moderate.ts';
import { Profiles } from '../domain/accounts/profiles.ts';
import { Registrar } from '../domain/accounts/register.ts';
import { Sessions } from '../domain/accounts/sessions.ts';
import { confirmIdentity } from '../http/client/confirm-identity.ts';
import type { AccountObserver } from '../ports/account-observer.ts';
import type { DeviceObserver } from '../ports/device-observer.ts';
import type { RemoteProfiles } from '../ports/remote-profiles.ts';
import { MongoAccountDataStore } from '../storage/mongo/accounts/account-data.ts';
import { MongoAuthSessionStore } from '../storage/mongo/accounts/auth-sessions.ts';
import { mongoAccountCloser } from '../storage/mongo/accounts/close-account.ts';
import { MongoDeviceStore } from '../storage/mongo/accounts/devices.ts';
import { MongoFilterStore } from '../storage/mongo/accounts/filters.ts';
import { MongoGrantStore } from '../storage/mongo/accounts/grants.ts';
import { MongoProfileStore } from '../storage/mongo/accounts/profiles.ts';
import { MongoRegistrationTokenStore } from '../storage/mongo/accounts/registration-tokens.ts';
import { MongoUserStore } from '../storage/mongo/accounts/users.ts';
import type { Foundation } from './foundation.ts';

export const DEACTIVATED_JOB = 'accounts.deactivated';

/** Whom accounts tell of what happens. */
export type AccountObservers = { readonly accounts: AccountObserver[]; readonly devices: DeviceObserver[] };

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

const wireStores = ({ db, transact, outbox }: Foundation) => ({
  users: new MongoUserStore(db),
  devices: new MongoDeviceStore({ db, transact, outbox }),
  profileStore: new MongoProfileStore(db),
  accountDataStore: new MongoAccountDataStore(db),
  filters: new MongoFilterStore(db),
  grants: new MongoGrantStore(db),
  authSessions: new MongoAuthSessionStore(db),
  registrationTokens: new MongoRegistrationTokenStore(db),
});

/** What accounts need of other areas, as far as they are there. */
export type AccountsLinks = { readonly remoteProfiles?: RemoteProfiles };

/** The parts of the area, wired to each other. */
export const wireAccountParts = (foundation: Foundation, links: AccountsLinks) => {
  const { config, platform, bus, relay, rateLimiter, stream, notifier, db, transact, outbox, plugins } =
    foundation;
  const { clock, random } = platform;
  const stores = wireStores(foundation);
  const { users, devices } = stores;
  const observers: AccountObservers = { accounts: [], devices: [] };
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
      plugins,
      serverName,
    }),
  };
};

/** All parts of the area, as its routes see them. */
export type AccountParts = ReturnType<typeof wireAccountParts>;
