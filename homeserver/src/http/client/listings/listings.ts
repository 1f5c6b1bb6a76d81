import { cardSchema, elementSchema, prefixSchema } from '@nyx/federation/spec/schemas/listings.ts';
import { z } from 'zod';
import { DomainError } from '../../../domain/errors.ts';
import type { Listings } from '../../../domain/listings/listings.ts';
import type { RemoteListings } from '../../../ports/listings.ts';
import { defineRoute, type Route } from '../../route.ts';

const BASE = '/_matrix/client/unstable/chat.nyx.discovery';
const server = z.string().max(255);

/** Finding people by exact user id without telling the server whom one looks for (docs/private-profiles.md). */
export const listingRoutes = (
  own: Listings,
  ownName: string,
  remote: RemoteListings | undefined,
): readonly Route[] => {
  const elsewhere = (): RemoteListings => {
    if (remote === undefined) throw new DomainError('not_found', 'This server talks to no other');
    return remote;
  };
  return [
    defineRoute({
      operation: 'chat.nyx.evaluateBlinded',
      method: 'POST',
      paths: [`${BASE}/evaluate`],
      auth: 'access_token',
      denySuspended: true,
      limit: 'lookUp',
      bodySchema: z.object({ server, element: elementSchema }),
      handler: async ({ body }) => ({
        body:
          body.server === ownName
            ? await own.evaluate(body.element)
            : await elsewhere().evaluate(body.server, body.element),
      }),
    }),
    defineRoute({
      operation: 'chat.nyx.listings',
      method: 'GET',
      paths: [`${BASE}/rows`],
      auth: 'access_token',
      denySuspended: true,
      limit: 'lookUp',
      // A part of the name of whom one looks for.
      privatePath: true,
      query: z.object({ server, prefix: prefixSchema }),
      handler: async ({ query }) => ({
        body: {
          rows:
            query.server === ownName
              ? await own.rows(query.prefix)
              : await elsewhere().rows(query.server, query.prefix),
        },
      }),
    }),
    defineRoute({
      operation: 'chat.nyx.isListed',
      method: 'GET',
      paths: [`${BASE}/listing`],
      auth: 'access_token',
      limit: 'read',
      handler: async ({ requester }) => ({ body: { listed: await own.isListed(requester.userId) } }),
    }),
    defineRoute({
      operation: 'chat.nyx.list',
      method: 'PUT',
      paths: [`${BASE}/listing`],
      auth: 'access_token',
      denySuspended: true,
      limit: 'profile',
      bodySchema: z.object({ card: cardSchema }),
      handler: async ({ requester, body }) => {
        await own.list(requester.userId, body.card);
        return {};
      },
    }),
    defineRoute({
      operation: 'chat.nyx.unlist',
      method: 'DELETE',
      paths: [`${BASE}/listing`],
      auth: 'access_token',
      limit: 'profile',
      handler: async ({ requester }) => {
        await own.unlist(requester.userId);
        return {};
      },
    }),
  ];
};
