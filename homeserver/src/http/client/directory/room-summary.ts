import { z } from 'zod';
import type { DescribeRoom } from '../../../domain/rooms/describe-room.ts';
import type { FindRoom } from '../../../domain/rooms/find-room.ts';
import type { SpaceHierarchy } from '../../../domain/rooms/space-hierarchy.ts';
import { defineRoute } from '../../route.ts';
import { limitQuery, roomParams, self, viaQuery } from '../schemas.ts';
import { roomSummaryJson } from './room-json.ts';

/** Spec: Client-Server API, GET room_summary/{roomIdOrAlias}. */
export const roomSummaryRoute = (rooms: DescribeRoom, find: FindRoom) =>
  defineRoute({
    operation: 'getRoomSummary',
    method: 'GET',
    paths: [
      '/_matrix/client/v1/room_summary/{roomIdOrAlias}',
      '/_matrix/client/unstable/im.nheko.summary/summary/{roomIdOrAlias}',
      '/_matrix/client/unstable/im.nheko.summary/rooms/{roomIdOrAlias}/summary',
    ],
    auth: 'optional',
    allowGuest: true,
    limit: 'read',
    params: z.object({ roomIdOrAlias: z.string() }),
    query: viaQuery,
    handler: async ({ params: { roomIdOrAlias }, query: via, requester }) => {
      const { room, servers } = await find.find(roomIdOrAlias);
      const user = requester === undefined ? undefined : self(requester);
      const { summary, membership } = await rooms.describe(room, user, [...via, ...servers]);
      return { body: { ...roomSummaryJson(summary), ...(membership === undefined ? {} : { membership }) } };
    },
  });

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 100;
const DEFAULT_DEPTH = 10;
const MAX_DEPTH = 20;

const query = z.object({
  suggested_only: z
    .enum(['true', 'false'])
    .default('false')
    .transform((value) => value === 'true'),
  limit: limitQuery(DEFAULT_LIMIT, MAX_LIMIT),
  max_depth: z
    .string()
    .regex(/^\d{1,9}$/, 'not a number')
    .optional()
    .transform((text) => (text === undefined ? DEFAULT_DEPTH : Math.min(Number(text), MAX_DEPTH))),
  from: z.string().optional(),
});

/** Spec: Client-Server API, GET rooms/{roomId}/hierarchy. */
export const spaceHierarchyRoute = (spaces: SpaceHierarchy) =>
  defineRoute({
    operation: 'getSpaceHierarchy',
    method: 'GET',
    paths: ['/_matrix/client/v1/rooms/{roomId}/hierarchy'],
    auth: 'access_token',
    limit: 'read',
    params: roomParams,
    query,
    handler: async ({ params, query: asked, requester }) => {
      const { rooms, next } = await spaces.walk({
        room: params.roomId,
        user: self(requester),
        suggestedOnly: asked.suggested_only,
        maxDepth: asked.max_depth,
        limit: asked.limit,
        from: asked.from,
      });
      return {
        body: {
          rooms: rooms.map(({ summary, children }) => ({
            ...roomSummaryJson(summary),
            children_state: children,
          })),
          ...(next === undefined ? {} : { next_batch: next }),
        },
      };
    },
  });
