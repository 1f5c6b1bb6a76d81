import type { PeerApi } from '@nyx/federation/http/peer-api.ts';
import { isServerName, type ServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import type { Listing, RemoteListings } from '../../ports/listings.ts';
import { DomainError } from '../errors.ts';
import { failed } from './remote-lookups.ts';

const WHAT = 'The other server does not answer look-ups';

const requireServer = (server: string): ServerName => {
  if (!isServerName(server)) throw new DomainError('invalid_param', 'Not a server name');
  return server;
};

/** Look-ups at other servers, which see this server ask and not for whom. */
export class FederatedListings implements RemoteListings {
  readonly #peers: PeerApi;

  constructor(peers: PeerApi) {
    this.#peers = peers;
  }

  async evaluate(server: string, element: string) {
    try {
      return await this.#peers.evaluateBlinded(requireServer(server), element);
    } catch (error) {
      throw error instanceof DomainError ? error : failed(error, WHAT);
    }
  }

  async rows(server: string, prefix: string): Promise<readonly Listing[]> {
    try {
      return (await this.#peers.listings(requireServer(server), prefix)).rows;
    } catch (error) {
      throw error instanceof DomainError ? error : failed(error, WHAT);
    }
  }
}
