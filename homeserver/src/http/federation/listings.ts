import { evaluateRequestSchema, rowsRequestSchema } from '@nyx/federation/spec/schemas/listings.ts';
import type { Listings } from '../../domain/listings/listings.ts';
import { defineRoute, type Route } from '../route.ts';

const BASE = '/_matrix/federation/unstable/chat.nyx.discovery';
const common = { auth: 'federation', limit: 'lookUpRemote' } as const;

/** Look-ups of users of this server by those of others. */
export const federatedListingRoutes = (listings: Listings): readonly Route[] => [
  defineRoute({
    ...common,
    operation: 'chat.nyx.evaluateBlindedForPeer',
    method: 'POST',
    paths: [`${BASE}/evaluate`],
    bodySchema: evaluateRequestSchema,
    handler: async ({ body }) => ({ body: await listings.evaluate(body.element) }),
  }),
  defineRoute({
    ...common,
    operation: 'chat.nyx.listingsForPeer',
    method: 'GET',
    paths: [`${BASE}/rows`],
    privatePath: true,
    query: rowsRequestSchema,
    handler: async ({ query }) => ({ body: { rows: await listings.rows(query.prefix) } }),
  }),
];
