import type { RemoteKeys } from '../../ports/remote-keys.ts';
import type { ToDeviceTransport } from '../../ports/to-device-transport.ts';
import { DomainError } from '../errors.ts';

const refuse = (): Promise<never> =>
  Promise.reject(new DomainError('federation_disabled', 'This server does not federate'));

/** Keys of other servers' users, on a server that speaks to none. */
export const noRemoteKeys: RemoteKeys = { query: refuse, claim: refuse };

/** Messages to other servers' devices, on a server that speaks to none. */
export const noToDeviceTransport: ToDeviceTransport = { send: refuse };
