import { FederationError, RemoteError } from '@nyx/federation/http/errors.ts';
import type { PeerApi, PublicRooms } from '@nyx/federation/http/peer-api.ts';
import type { JsonObject } from '@nyx/federation/json/value.ts';
import { isServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import { isUserId, userIdServer } from '@nyx/federation/spec/identifiers/user-id.ts';
import type { Profile } from '../../ports/accounts.ts';
import type { RemoteDirectory } from '../../ports/remote-directory.ts';
import type { RemoteProfiles } from '../../ports/remote-profiles.ts';
import { DomainError } from '../errors.ts';
import type { ListRequest } from '../rooms/list-rooms.ts';

/** What a user is told when another server does not answer as hoped. */
export function failed(error: unknown, what: string): DomainError {
  if (error instanceof RemoteError && error.status === 404) return new DomainError('not_found', what);
  if (error instanceof RemoteError && error.status === 403) return new DomainError('forbidden', what);
  const isTimeout = error instanceof FederationError && error.code === 'TIMEOUT';
  return new DomainError(isTimeout ? 'gateway_timeout' : 'bad_gateway', what, { cause: error });
}

/** Profiles of other servers' users, asked from their servers. */
export class FederatedProfiles implements RemoteProfiles {
  readonly #peers: PeerApi;

  constructor(peers: PeerApi) {
    this.#peers = peers;
  }

  async query(userId: string, field?: string): Promise<Profile> {
    if (!isUserId(userId)) throw new DomainError('invalid_param', 'Not a user id');
    try {
      return await this.#peers.profile(userIdServer(userId), userId, field);
    } catch (error) {
      throw failed(error, 'The profile could not be had');
    }
  }
}

/** Public room lists of other servers (spec: Server-Server API, Public Room Directory). */
export class FederatedDirectory implements RemoteDirectory {
  readonly #peers: PeerApi;

  constructor(peers: PeerApi) {
    this.#peers = peers;
  }

  async list(server: string, request: ListRequest): Promise<PublicRooms> {
    if (!isServerName(server)) throw new DomainError('invalid_param', 'Not a server name');
    const { search, types, limit, since } = request;
    const filter: JsonObject = {
      ...(search === undefined ? {} : { generic_search_term: search }),
      ...(types === undefined ? {} : { room_types: types }),
    };
    const body: JsonObject = { limit, filter, ...(since === undefined ? {} : { since }) };
    try {
      return await this.#peers.publicRooms(server, body);
    } catch (error) {
      throw failed(error, 'The other server does not tell its rooms');
    }
  }
}
