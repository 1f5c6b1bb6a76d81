import type { RemoteDirectory } from '../../ports/remote-directory.ts';
import type { RemoteHistory } from '../../ports/remote-history.ts';
import type { RemoteRooms } from '../../ports/remote-rooms.ts';
import type { RemoteSpaces } from '../../ports/remote-spaces.ts';
import { DomainError } from '../errors.ts';

const unreachable = (): Promise<never> =>
  Promise.reject(new DomainError('not_found', 'No reachable server knows this room'));

/** Remote rooms of a server that does not federate. */
export const noRemoteRooms: RemoteRooms = {
  join: unreachable,
  knock: unreachable,
  leave: unreachable,
  invite: () => Promise.reject(new DomainError('federation_disabled', 'This server does not federate')),
  resolveAlias: () => Promise.resolve(undefined),
};

/** History of a server that does not federate: there is none elsewhere. */
export const noRemoteHistory: RemoteHistory = { backfill: () => Promise.resolve(false) };

/** Rooms elsewhere, for a server that does not federate. */
export const noRemoteSpaces: RemoteSpaces = { look: () => Promise.resolve(undefined) };

/** Room lists of other servers, on a server that does not federate. */
export const noRemoteDirectory: RemoteDirectory = {
  list: () => Promise.reject(new DomainError('federation_disabled', 'This server does not federate')),
};
