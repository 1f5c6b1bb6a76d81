import { publicRoomsRequestSchema } from '@nyx/federation/spec/schemas/directory.ts';
import { z } from 'zod';
import type { ListRequest, ListRooms } from '../../domain/rooms/list-rooms.ts';
import { DomainError } from '../../domain/errors.ts';
import { publicRoomJson } from '../client/directory/room-json.ts';
import { limitQuery } from '../client/schemas.ts';
import { defineRoute } from '../route.ts';

const PATHS = ['/_matrix/federation/v1/publicRooms'];
const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 500;

/** Spec: Server-Server API, GET and POST publicRooms. */
export const publicRoomsRoutes = (rooms: ListRooms, isListed: boolean) => {
  const answer = async (request: ListRequest) => {
    if (!isListed) throw new DomainError('forbidden', 'This server does not list its rooms');
    const { rooms: found, total, next, previous } = await rooms.list(request);
    return {
      body: {
        chunk: found.map(publicRoomJson),
        total_room_count_estimate: total,
        ...(next === undefined ? {} : { next_batch: next }),
        ...(previous === undefined ? {} : { prev_batch: previous }),
      },
    };
  };
  return [
    defineRoute({
      operation: 'getPublicRooms',
      method: 'GET',
      paths: PATHS,
      auth: 'federation',
      limit: 'federation',
      query: z.object({ limit: limitQuery(DEFAULT_LIMIT, MAX_LIMIT), since: z.string().optional() }),
      handler: ({ query: { limit, since } }) => answer({ search: undefined, types: undefined, limit, since }),
    }),
    defineRoute({
      operation: 'queryPublicRooms',
      method: 'POST',
      paths: PATHS,
      auth: 'federation',
      limit: 'federation',
      bodySchema: publicRoomsRequestSchema,
      handler: ({ body: { filter, limit, since } }) =>
        answer({
          search: filter?.generic_search_term ?? undefined,
          types: filter?.room_types ?? undefined,
          limit: Math.min(limit ?? DEFAULT_LIMIT, MAX_LIMIT),
          since,
        }),
    }),
  ];
};
