import { createHash } from 'node:crypto';
import { userIdSchema } from '@nyx/federation/spec/identifiers/schemas.ts';
import { z } from 'zod';
import { filterSchema } from '../../../domain/accounts/filter-schema.ts';
import { DomainError } from '../../../domain/errors.ts';
import type { FilterStore } from '../../../ports/accounts.ts';
import { defineRoute } from '../../route.ts';
import { requireOwn } from '../own-user.ts';

const PATHS = ['/_matrix/client/v3/user/{userId}/filter', '/_matrix/client/r0/user/{userId}/filter'];
const ID_LENGTH = 16;

/** The same filter has the same id, however often it is stored. Ids never begin with `{`, as inline filters do. */
const filterIdOf = (filter: object): string =>
  createHash('sha256').update(JSON.stringify(filter)).digest('base64url').slice(0, ID_LENGTH);

/** Spec: POST /_matrix/client/v3/user/{userId}/filter and GET …/filter/{filterId}. */
export const filterRoutes = (filters: FilterStore) => [
  defineRoute({
    operation: 'defineFilter',
    method: 'POST',
    paths: PATHS,
    auth: 'access_token',
    allowGuest: true,
    limit: 'profile',
    params: z.object({ userId: userIdSchema }),
    bodySchema: filterSchema,
    handler: async ({ requester, params: { userId }, body }) => {
      requireOwn(requester.userId, userId);
      const filterId = filterIdOf(body);
      await filters.put(userId, filterId, body);
      return { body: { filter_id: filterId } };
    },
  }),
  defineRoute({
    operation: 'getFilter',
    method: 'GET',
    paths: PATHS.map((path) => `${path}/{filterId}`),
    auth: 'access_token',
    allowGuest: true,
    limit: 'read',
    params: z.object({ userId: userIdSchema, filterId: z.string() }),
    handler: async ({ requester, params: { userId, filterId } }) => {
      requireOwn(requester.userId, userId);
      const filter = await filters.find(userId, filterId);
      if (filter === undefined) throw new DomainError('not_found', 'There is no such filter');
      return { body: filter };
    },
  }),
];
