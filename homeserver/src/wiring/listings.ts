import type { PeerApi } from '@nyx/federation/http/peer-api.ts';
import { ristrettoEvaluator } from '../adapters/ristretto-evaluator.ts';
import { FederatedListings } from '../domain/federation/remote-listings.ts';
import { Listings } from '../domain/listings/listings.ts';
import { listingRoutes } from '../http/client/listings/listings.ts';
import { federatedListingRoutes } from '../http/federation/listings.ts';
import { MongoListings } from '../storage/mongo/listings/mongo-listings.ts';
import type { Accounts } from './accounts.ts';
import type { Area } from './area.ts';
import type { Foundation } from './foundation.ts';

/** Name of the secret that the key of look-ups comes from. It is not in the database: a stolen table is no use. */
const SECRET = 'discovery-key';

/** Finding people by exact user id. */
export const wireListings = (
  { config, platform, db }: Foundation,
  accounts: Accounts,
  peers: PeerApi | undefined,
): Area => {
  const evaluator = ristrettoEvaluator(platform.secret(SECRET).reveal());
  const listings = new Listings(new MongoListings(db), evaluator, platform.clock);
  accounts.observers.accounts.push({ deactivated: (userId) => listings.unlist(userId) });
  const remote = peers === undefined ? undefined : new FederatedListings(peers);
  return {
    routes: [
      ...listingRoutes(listings, config.server.name, remote),
      ...(peers === undefined ? [] : federatedListingRoutes(listings)),
    ],
    unstableFeatures: { 'chat.nyx.discovery': true },
  };
};
