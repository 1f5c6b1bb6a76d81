import { z } from 'zod';
import type { DeviceListDelta } from '../../../domain/e2ee/device-list-delta.ts';
import { parseSyncToken } from '../../../domain/sync/sync-token.ts';
import type { Route } from '../../route.ts';
import { defineRoute } from '../../route.ts';

const querySchema = z.looseObject({ from: z.string(), to: z.string() });

/** Changes of device lists for a user between two stream positions. */
export type ChangesBetween = (userId: string, from: number, to: number) => Promise<DeviceListDelta>;

/** GET /keys/changes (spec: Client-Server API, Key management API). */
export const getKeysChangesRoute = (changes: ChangesBetween): Route =>
  defineRoute({
    operation: 'getKeysChanges',
    method: 'GET',
    paths: ['/_matrix/client/v3/keys/changes'],
    auth: 'access_token',
    limit: 'keys',
    query: querySchema,
    handler: async ({ requester, query }) => {
      const from = parseSyncToken(query.from).stream;
      const to = parseSyncToken(query.to).stream;
      const { changed, left } = await changes(requester.userId, from, to);
      return { body: { changed, left } };
    },
  });
