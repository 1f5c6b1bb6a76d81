import { eventIdSchema, roomIdSchema } from '@nyx/federation/spec/identifiers/schemas.ts';
import { z } from 'zod';
import type { GetRelations } from '../../../domain/rooms/get-relations.ts';
import type { GetThreads } from '../../../domain/rooms/get-threads.ts';
import { defineRoute } from '../../route.ts';
import { audienceOf, directionQuery, limitQuery, roomParams } from '../schemas.ts';

const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 200;
const base = '/_matrix/client/v1/rooms/{roomId}/relations/{eventId}';

const query = z.object({
  from: z.string().optional(),
  to: z.string().optional(),
  dir: directionQuery.optional(),
  limit: limitQuery(DEFAULT_LIMIT, MAX_LIMIT),
  recurse: z
    .enum(['true', 'false'])
    .default('false')
    .transform((value) => value === 'true'),
});

/** Spec: Client-Server API, GET rooms/{roomId}/relations/{eventId}, and with a type of relation and of event. */
export const getRelationsRoute = (relations: GetRelations) =>
  defineRoute({
    operation: 'getRelatingEvents',
    method: 'GET',
    paths: [base, `${base}/{relType}`, `${base}/{relType}/{eventType}`],
    auth: 'access_token',
    limit: 'read',
    params: z.object({
      roomId: roomIdSchema,
      eventId: eventIdSchema,
      relType: z.string().optional(),
      eventType: z.string().optional(),
    }),
    query,
    handler: async ({ params, query: asked, requester }) => {
      const { chunk, next, depth } = await relations.get({
        room: params.roomId,
        event: params.eventId,
        audience: audienceOf(requester),
        relType: params.relType,
        eventType: params.eventType,
        direction: asked.dir ?? 'backward',
        from: asked.from,
        to: asked.to,
        limit: asked.limit,
        recurse: asked.recurse,
      });
      return {
        body: {
          chunk,
          ...(next === undefined ? {} : { next_batch: next }),
          ...(asked.from === undefined ? {} : { prev_batch: asked.from }),
          ...(depth === undefined ? {} : { recursion_depth: depth }),
        },
      };
    },
  });

/** Spec: Client-Server API, GET rooms/{roomId}/threads. */
export const getThreadsRoute = (threads: GetThreads) =>
  defineRoute({
    operation: 'getThreadRoots',
    method: 'GET',
    paths: ['/_matrix/client/v1/rooms/{roomId}/threads'],
    auth: 'access_token',
    limit: 'read',
    params: roomParams,
    query: z.object({
      include: z.enum(['all', 'participated']).default('all'),
      limit: limitQuery(DEFAULT_LIMIT, MAX_LIMIT),
      from: z.string().optional(),
    }),
    handler: async ({ params: { roomId: room }, query: { include, limit, from }, requester }) => {
      const { chunk, next } = await threads.get({
        room,
        audience: audienceOf(requester),
        onlyParticipated: include === 'participated',
        limit,
        from,
      });
      return { body: { chunk, ...(next === undefined ? {} : { next_batch: next }) } };
    },
  });
