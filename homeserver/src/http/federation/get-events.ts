import { isEventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import { eventIdSchema } from '@nyx/federation/spec/identifiers/schemas.ts';
import type { ServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import { missingEventsRequestSchema } from '@nyx/federation/spec/schemas/events.ts';
import { z } from 'zod';
import type { ServeEvents } from '../../domain/federation/serve-events.ts';
import type { Clock } from '../../ports/clock.ts';
import { defineRoute } from '../route.ts';
import { eventParams, originOf, repeated, roomParams } from './schemas.ts';

const V1 = '/_matrix/federation/v1';
const MAX_LIMIT = 100;

const atQuery = z.object({ event_id: eventIdSchema });
const limitText = z
  .string()
  .regex(/^\d{1,9}$/, 'not a number')
  .transform((text) => Math.min(Math.max(1, Number(text)), MAX_LIMIT));
/** Spec: Server-Server API, Retrieving events: event, state, state_ids, event_auth, backfill, get_missing_events. */
export const getEventsRoutes = (events: ServeEvents, server: ServerName, clock: Clock) => [
  defineRoute({
    operation: 'getEvent',
    method: 'GET',
    paths: [`${V1}/event/{eventId}`],
    auth: 'federation',
    limit: 'federation',
    params: z.object({ eventId: eventIdSchema }),
    handler: async ({ params, requester }) => {
      const json = await events.event(originOf(requester), params.eventId);
      return { body: { origin: server, origin_server_ts: clock.now(), pdus: [json] } };
    },
  }),
  defineRoute({
    operation: 'getRoomState',
    method: 'GET',
    paths: [`${V1}/state/{roomId}`],
    auth: 'federation',
    limit: 'federation',
    params: roomParams,
    query: atQuery,
    handler: async ({ params, query, requester }) => {
      const { state, authChain } = await events.stateAt(originOf(requester), params.roomId, query.event_id);
      return {
        body: {
          pdus: state.map(({ pdu }) => pdu.json),
          auth_chain: authChain.map(({ pdu }) => pdu.json),
        },
      };
    },
  }),
  defineRoute({
    operation: 'getRoomStateIds',
    method: 'GET',
    paths: [`${V1}/state_ids/{roomId}`],
    auth: 'federation',
    limit: 'federation',
    params: roomParams,
    query: atQuery,
    handler: async ({ params, query, requester }) => {
      const { state, authChain } = await events.stateAt(originOf(requester), params.roomId, query.event_id);
      return {
        body: { pdu_ids: state.map(({ id }) => id), auth_chain_ids: authChain.map(({ id }) => id) },
      };
    },
  }),
  defineRoute({
    operation: 'getEventAuth',
    method: 'GET',
    paths: [`${V1}/event_auth/{roomId}/{eventId}`],
    auth: 'federation',
    limit: 'federation',
    params: eventParams,
    handler: async ({ params, requester }) => {
      const chain = await events.eventAuth(originOf(requester), params.roomId, params.eventId);
      return { body: { auth_chain: chain.map(({ pdu }) => pdu.json) } };
    },
  }),
  defineRoute({
    operation: 'backfillRoom',
    method: 'GET',
    paths: [`${V1}/backfill/{roomId}`],
    auth: 'federation',
    limit: 'federation',
    params: roomParams,
    query: z.object({ v: repeated, limit: limitText }),
    handler: async ({ params, query, requester }) => {
      const from = query.v.filter(isEventId);
      const pdus = await events.backfill(originOf(requester), params.roomId, from, query.limit);
      return { body: { origin: server, origin_server_ts: clock.now(), pdus } };
    },
  }),
  defineRoute({
    operation: 'getMissingPreviousEvents',
    method: 'POST',
    paths: [`${V1}/get_missing_events/{roomId}`],
    auth: 'federation',
    limit: 'federation',
    params: roomParams,
    bodySchema: missingEventsRequestSchema,
    handler: async ({ params, body, requester }) => {
      const { earliest_events: earliest, latest_events: latest, limit } = body;
      const found = await events.missing(originOf(requester), params.roomId, { earliest, latest, limit });
      return { body: { events: found } };
    },
  }),
];
