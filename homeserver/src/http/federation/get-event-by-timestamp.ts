import { z } from 'zod';
import { DomainError } from '../../domain/errors.ts';
import type { RoomAccess } from '../../domain/federation/room-access.ts';
import type { EventLookups } from '../../ports/event-store.ts';
import { defineRoute } from '../route.ts';
import { originOf, roomParams } from './schemas.ts';

/** Spec: Server-Server API, GET timestamp_to_event. */
export const getEventByTimestampRoute = (access: RoomAccess, lookups: EventLookups) =>
  defineRoute({
    operation: 'getEventByTimestamp',
    method: 'GET',
    paths: [
      '/_matrix/federation/v1/timestamp_to_event/{roomId}',
      '/_matrix/federation/unstable/org.matrix.msc3030/timestamp_to_event/{roomId}',
    ],
    auth: 'federation',
    limit: 'federation',
    params: roomParams,
    query: z.object({ ts: z.string().regex(/^\d{1,16}$/), dir: z.enum(['f', 'b']) }),
    handler: async ({ params, query, requester }) => {
      await access.shared(params.roomId, originOf(requester));
      const event = await lookups.nearest(params.roomId, Number(query.ts), query.dir);
      if (event === undefined) throw new DomainError('not_found', 'No event at that time');
      return { body: { event_id: event.id, origin_server_ts: event.pdu.originServerTs } };
    },
  });
