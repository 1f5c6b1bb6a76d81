import { z } from 'zod';
import type { GetMessages } from '../../../domain/rooms/get-messages.ts';
import { defineRoute } from '../../route.ts';
import { filterQuery } from '../event-filters.ts';
import { clientPaths } from '../paths.ts';
import { audienceOf, directionQuery, limitQuery, roomParams } from '../schemas.ts';

const DEFAULT_LIMIT = 10;
const MAX_LIMIT = 1_000;

const query = z.object({
  from: z.string().optional(),
  to: z.string().optional(),
  dir: directionQuery,
  limit: limitQuery(DEFAULT_LIMIT, MAX_LIMIT),
  filter: filterQuery,
});

/** Spec: Client-Server API, GET rooms/{roomId}/messages. */
export const getMessagesRoute = (messages: GetMessages) =>
  defineRoute({
    operation: 'getRoomEvents',
    method: 'GET',
    paths: clientPaths('/rooms/{roomId}/messages'),
    auth: 'access_token',
    allowGuest: true,
    limit: 'read',
    params: roomParams,
    query,
    handler: async ({ params, query: { from, to, dir: direction, limit, filter }, requester }) => {
      const { start, end, chunk, state } = await messages.get({
        room: params.roomId,
        audience: audienceOf(requester),
        direction,
        from,
        to,
        limit: Math.min(limit, filter.limit ?? limit),
        filter,
      });
      return { body: { start, ...(end === undefined ? {} : { end }), chunk, state } };
    },
  });
