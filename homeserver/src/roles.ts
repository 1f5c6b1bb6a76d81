import type { Role } from '@nyx/config/schema.ts';

/** What a process does. */
export type Roles = {
  /** Listens and answers requests. */
  readonly http: boolean;
  /** Answers long polls and sockets. */
  readonly sync: boolean;
  /** Sends to other servers. */
  readonly federationOut: boolean;
  /** Runs jobs. */
  readonly worker: boolean;
};

/** The configured list as flags. A process with neither `http` nor `sync` still answers /health, /ready and /metrics. */
export const rolesOf = (roles: readonly Role[]): Roles => ({
  http: roles.includes('http'),
  sync: roles.includes('sync'),
  federationOut: roles.includes('federation-out'),
  worker: roles.includes('worker'),
});
