import { registrationIsOpen } from '@nyx/config/derived.ts';
import { argon2Hasher } from '../adapters/argon2-hasher.ts';
import { SessionAuthenticator } from '../domain/accounts/authenticate.ts';
import { InteractiveAuth } from '../domain/accounts/interactive-auth.ts';
import { Credentials } from '../domain/accounts/log-in.ts';
import { REGISTERED_JOB, Registrar } from '../domain/accounts/register.ts';
import { Sessions } from '../domain/accounts/sessions.ts';
import { checkRegistrationTokenRoute } from '../http/client/accounts/check-registration-token.ts';
import { checkUsernameRoute } from '../http/client/accounts/check-username.ts';
import { registerRoute } from '../http/client/accounts/register.ts';
import { whoAmIRoute } from '../http/client/accounts/who-am-i.ts';
import type { ConfirmIdentity } from '../http/client/confirm-identity.ts';
import { confirmIdentity } from '../http/client/confirm-identity.ts';
import { getLoginFlowsRoute } from '../http/client/sessions/get-login-flows.ts';
import { getLoginTokenRoute } from '../http/client/sessions/get-login-token.ts';
import { logInRoute } from '../http/client/sessions/log-in.ts';
import { logOutAllRoute, logOutRoute } from '../http/client/sessions/log-out.ts';
import { refreshRoute } from '../http/client/sessions/refresh.ts';
import { userEventJob } from '../jobs/accounts/user-event.ts';
import type { AccountObserver } from '../ports/account-observer.ts';
import type {
  AccountDataStore,
  DeviceStore,
  FilterStore,
  ProfileStore,
  UserStore,
} from '../ports/accounts.ts';
import type { DeviceObserver } from '../ports/device-observer.ts';
import { MongoAccountDataStore } from '../storage/mongo/accounts/account-data.ts';
import { MongoAuthSessionStore } from '../storage/mongo/accounts/auth-sessions.ts';
import { MongoDeviceStore } from '../storage/mongo/accounts/devices.ts';
import { MongoFilterStore } from '../storage/mongo/accounts/filters.ts';
import { MongoGrantStore } from '../storage/mongo/accounts/grants.ts';
import { MongoProfileStore } from '../storage/mongo/accounts/profiles.ts';
import { MongoRegistrationTokenStore } from '../storage/mongo/accounts/registration-tokens.ts';
import { MongoUserStore } from '../storage/mongo/accounts/users.ts';
import type { Area } from './area.ts';
import type { Foundation } from './foundation.ts';

/** What accounts offer to other areas. */
export type Accounts = Area & {
  readonly authenticator: SessionAuthenticator;
  readonly users: UserStore;
  readonly devices: DeviceStore;
  readonly profiles: ProfileStore;
  readonly accountData: AccountDataStore;
  readonly filters: FilterStore;
  readonly sessions: Sessions;
  readonly confirmIdentity: ConfirmIdentity;
  /** Other areas add themselves here while they are wired. */
  readonly observers: { readonly accounts: AccountObserver[]; readonly devices: DeviceObserver[] };
};

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
  profiles: new MongoProfileStore(db),
  accountData: new MongoAccountDataStore(db),
  filters: new MongoFilterStore(db),
  grants: new MongoGrantStore(db),
  authSessions: new MongoAuthSessionStore(db),
  registrationTokens: new MongoRegistrationTokenStore(db),
});

/** Accounts, sessions, devices, profiles and what users keep on the server. */
export const wireAccounts = (foundation: Foundation): Accounts => {
  const { config, platform, bus, relay, rateLimiter, metrics } = foundation;
  const { clock, random } = platform;
  const stores = wireStores(foundation);
  const observers: Accounts['observers'] = { accounts: [], devices: [] };
  const authenticator = new SessionAuthenticator({
    users: stores.users,
    devices: stores.devices,
    bus,
    clock,
  });
  metrics.gauge(
    'nyx_cached_sessions',
    'Access tokens known without asking the database',
    () => authenticator.cachedSessions,
  );
  const sessions = new Sessions({
    devices: stores.devices,
    clock,
    random,
    observer: tellAll(observers.devices),
    forget: (userId) => authenticator.forget(userId),
    lifetimes: { access: config.sessions.accessTokenLifetime, refresh: config.sessions.refreshTokenLifetime },
  });
  const { minPasswordLength, guests } = config.registration;
  const open = registrationIsOpen(config);
  const serverName = config.server.name;
  const registrar = new Registrar({
    users: stores.users,
    hasher: argon2Hasher,
    clock,
    random,
    queue: relay,
    policy: { serverName, open, guests, minPasswordLength },
  });
  const credentials = new Credentials({
    ...stores,
    hasher: argon2Hasher,
    clock,
    random,
    rateLimiter,
    serverName,
  });
  const interactiveAuth = new InteractiveAuth(
    stores.authSessions,
    clock,
    random,
    config.sessions.uiaLifetime,
  );
  const confirm = confirmIdentity(interactiveAuth, credentials);
  const sightings = sightingsWriter(authenticator, foundation);
  return {
    ...stores,
    authenticator,
    sessions,
    confirmIdentity: confirm,
    observers,
    routes: [
      registerRoute({
        registrar,
        sessions,
        interactiveAuth,
        tokens: stores.registrationTokens,
        clock,
        open,
        minPasswordLength,
      }),
      checkUsernameRoute(registrar),
      checkRegistrationTokenRoute(stores.registrationTokens, clock),
      getLoginFlowsRoute(),
      logInRoute(credentials, sessions, config.server.publicUrl),
      getLoginTokenRoute(credentials, confirm),
      refreshRoute(sessions),
      logOutRoute(sessions),
      logOutAllRoute(sessions),
      whoAmIRoute(),
    ],
    jobs: [
      userEventJob(REGISTERED_JOB, observers.accounts, (observer, userId) => observer.registered?.(userId)),
    ],
    start: async () => sightings.start(),
    stop: () => sightings.stop(),
  };
};
