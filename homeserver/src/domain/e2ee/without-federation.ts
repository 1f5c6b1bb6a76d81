import type { OutboundEdus } from '../../ports/outbound-edus.ts';
import type { RemoteKeys } from '../../ports/remote-keys.ts';
import { DomainError } from '../errors.ts';

const refuse = (): Promise<never> =>
  Promise.reject(new DomainError('federation_disabled', 'This server does not federate'));

/** Keys of other servers' users, on a server that speaks to none. */
export const noRemoteKeys: RemoteKeys = { query: refuse, claim: refuse };

/** Ephemeral messages on a server that speaks to none: there is nobody to tell. */
export const noOutboundEdus: OutboundEdus = { send: () => Promise.resolve() };
