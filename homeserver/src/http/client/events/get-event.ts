import { z } from 'zod';
import type { GetEvent } from '../../../domain/rooms/get-event.ts';
import { defineRoute } from '../../route.ts';
import { filterQuery } from '../event-filters.ts';
import { clientPaths } from '../paths.ts';
import { audienceOf, eventParams, limitQuery, roomParams, self } from '../schemas.ts';

/** Spec: Client-Server API, GET rooms/{roomId}/event/{eventId}. */
export const getEventRoute = (events: GetEvent) =>
  defineRoute({
    operation: 'getOneRoomEvent',
    method: 'GET',
    paths: clientPaths('/rooms/{roomId}/event/{eventId}'),
    auth: 'access_token',
    allowGuest: true,
    limit: 'read',
    params: eventParams,
    handler: async ({ params: { roomId, eventId }, requester }) => ({
      body: await events.one(roomId, eventId, audienceOf(requester)),
    }),
  });

const DEFAULT_LIMIT = 10;
const MAX_LIMIT = 100;

/** Spec: Client-Server API, GET rooms/{roomId}/context/{eventId}. */
export const getContextRoute = (events: GetEvent) =>
  defineRoute({
    operation: 'getEventContext',
    method: 'GET',
    paths: clientPaths('/rooms/{roomId}/context/{eventId}'),
    auth: 'access_token',
    allowGuest: true,
    limit: 'read',
    params: eventParams,
    query: z.object({
      limit: z
        .literal('0')
        .transform(() => 0)
        .or(limitQuery(DEFAULT_LIMIT, MAX_LIMIT)),
      filter: filterQuery,
    }),
    handler: async ({ params: { roomId: room, eventId: event }, query: { limit, filter }, requester }) => {
      const context = await events.context({ room, event, audience: audienceOf(requester), limit, filter });
      return {
        body: {
          event: context.event,
          events_before: context.before,
          events_after: context.after,
          state: context.state,
          start: context.start,
          end: context.end,
        },
      };
    },
  });

/** Spec: Client-Server API, GET rooms/{roomId}/timestamp_to_event. */
export const timestampToEventRoute = (events: GetEvent) =>
  defineRoute({
    operation: 'getEventByTimestamp',
    method: 'GET',
    paths: ['/_matrix/client/v1/rooms/{roomId}/timestamp_to_event'],
    auth: 'access_token',
    limit: 'read',
    params: roomParams,
    query: z.object({
      ts: z
        .string()
        .regex(/^\d{1,15}$/, 'not a number')
        .transform(Number),
      dir: z.enum(['f', 'b']),
    }),
    handler: async ({ params: { roomId }, query: { ts, dir }, requester }) => {
      const { id, pdu } = await events.nearest(roomId, self(requester), ts, dir);
      return { body: { event_id: id, origin_server_ts: pdu.originServerTs } };
    },
  });
