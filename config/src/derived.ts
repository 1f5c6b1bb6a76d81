import type { Config } from './schema.ts';

/** Whether `address` can only be reached from this machine. */
export const isLoopback = (address: string): boolean =>
  address === 'localhost' || address === '::1' || /^127(?:\.\d{1,3}){3}$/.test(address);

/** Whether every listener can only be reached from this machine. */
export const listensOnLoopbackOnly = (config: Pick<Config, 'server'>): boolean =>
  config.server.bind.every(isLoopback);

/**
 * Whether anybody may register without a token: as configured, or, left at `auto`, exactly while nobody but this
 * machine can reach the server.
 */
export const registrationIsOpen = (config: Pick<Config, 'server' | 'registration'>): boolean =>
  config.registration.open === 'auto' ? listensOnLoopbackOnly(config) : config.registration.open;
