import type { AccountData } from '../domain/accounts/account-data.ts';
import type { SessionAuthenticator } from '../domain/accounts/authenticate.ts';
import { firstAdminToken } from '../domain/accounts/first-admin.ts';
import type { Profiles } from '../domain/accounts/profiles.ts';
import { PROFILE_CHANGED_JOB } from '../domain/accounts/profiles.ts';
import { REGISTERED_JOB } from '../domain/accounts/register.ts';
import type { Sessions } from '../domain/accounts/sessions.ts';
import type { ConfirmIdentity } from '../http/client/confirm-identity.ts';
import { devicesGoneJob } from '../jobs/accounts/devices-gone.ts';
import { userEventJob } from '../jobs/accounts/user-event.ts';
import type { AccountObserver } from '../ports/account-observer.ts';
import type {
  AccountDataStore,
  DeviceStore,
  FilterStore,
  ProfileStore,
  UserStore,
} from '../ports/accounts.ts';
import type { AccountObservers, AccountsLinks } from './account-parts.ts';
import { DEACTIVATED_JOB, wireAccountParts } from './account-parts.ts';
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
  readonly observers: AccountObservers;
};

const SIGHTINGS_INTERVAL_MS = 60_000;

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

const wireJobs = (observers: readonly AccountObserver[]) => [
  userEventJob(REGISTERED_JOB, observers, (observer, userId) => observer.registered?.(userId)),
  userEventJob(DEACTIVATED_JOB, observers, (observer, userId) => observer.deactivated?.(userId)),
  userEventJob(PROFILE_CHANGED_JOB, observers, (observer, userId, field) =>
    observer.profileChanged?.(userId, field),
  ),
];

/** Accounts, sessions, devices, profiles and what users keep on the server. */
export const wireAccounts = (foundation: Foundation, links: AccountsLinks = {}): Accounts => {
  const parts = wireAccountParts(foundation, links);
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
    jobs: [...wireJobs(observers.accounts), devicesGoneJob(parts.devices, parts.deviceObserver)],
    start: async () => sightings.start(),
    stop: () => sightings.stop(),
  };
};
