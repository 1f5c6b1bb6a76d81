import { eventIdSchema } from '@nyx/federation/spec/identifiers/schemas.ts';
import { z } from 'zod';
import { DomainError } from '../../../domain/errors.ts';
import { NO_FILTER } from '../../../domain/rooms/event-filter.ts';
import type { GetEvent } from '../../../domain/rooms/get-event.ts';
import type { GetMessages } from '../../../domain/rooms/get-messages.ts';
import type { GetState } from '../../../domain/rooms/get-state.ts';
import type { ListRooms } from '../../../domain/rooms/list-rooms.ts';
import type { RoomReads } from '../../../domain/rooms/room-reads.ts';
import { NO_SYNC_FILTER } from '../../../domain/sync/sync-filter.ts';
import { parseSyncToken } from '../../../domain/sync/sync-token.ts';
import type { WaitForSync } from '../../../domain/sync/wait-for-sync.ts';
import { defineRoute } from '../../route.ts';
import { clientPaths } from '../paths.ts';
import { audienceOf, limitQuery, roomParams, self } from '../schemas.ts';

const MAX_WAIT_MS = 60_000;
const DEFAULT_LIMIT = 10;
const MAX_LIMIT = 100;

export type OldSyncDeps = {
  readonly waiter: WaitForSync;
  readonly rooms: RoomReads;
  readonly messages: GetMessages;
  readonly state: GetState;
  readonly list: ListRooms;
  readonly event: GetEvent;
};

/** Spec: Client-Server API, GET events (deprecated): the timelines of /sync as one list. */
export const getEventsRoute = ({ waiter }: OldSyncDeps) =>
  defineRoute({
    operation: 'getEvents',
    method: 'GET',
    paths: clientPaths('/events'),
    auth: 'access_token',
    allowGuest: true,
    limit: 'read',
    query: z.object({
      from: z.string().optional(),
      room_id: z.string().optional(),
      timeout: z
        .string()
        .regex(/^\d{1,9}$/, 'not a number')
        .default('0')
        .transform((text) => Math.min(Number(text), MAX_WAIT_MS)),
    }),
    handler: async ({ query: { from, room_id: only, timeout }, requester, request }) => {
      if (from !== undefined) parseSyncToken(from);
      const { nextBatch, join } = await waiter.sync({
        user: self(requester),
        device: requester.deviceId,
        since: from,
        filter: only === undefined ? NO_SYNC_FILTER : { ...NO_SYNC_FILTER, rooms: [only] },
        fullState: false,
        useStateAfter: false,
        timeout,
        signal: request.signal,
      });
      const chunk = [...join].flatMap(([room, { timeline }]) =>
        timeline.events.map((event) => ({ ...event, room_id: room })),
      );
      return { body: { start: from ?? nextBatch, end: nextBatch, chunk } };
    },
  });

/** Spec: Client-Server API, GET rooms/{roomId}/initialSync (deprecated). */
export const roomInitialSyncRoute = ({ rooms, messages, state, list }: OldSyncDeps) =>
  defineRoute({
    operation: 'roomInitialSync',
    method: 'GET',
    paths: clientPaths('/rooms/{roomId}/initialSync'),
    auth: 'access_token',
    allowGuest: true,
    limit: 'read',
    params: roomParams,
    query: z.object({ limit: limitQuery(DEFAULT_LIMIT, MAX_LIMIT) }),
    handler: async ({ params: { roomId: room }, query: { limit }, requester }) => {
      const audience = audienceOf(requester);
      const page = await messages.get({
        room,
        audience,
        direction: 'backward',
        from: undefined,
        to: undefined,
        limit,
        filter: NO_FILTER,
      });
      const membership = await rooms.membership(room, audience.user);
      return {
        body: {
          room_id: room,
          ...(membership === undefined ? {} : { membership }),
          visibility: (await list.isListed(room)) ? 'public' : 'private',
          messages: { start: page.end ?? page.start, end: page.start, chunk: page.chunk.toReversed() },
          state: await state.all(room, audience),
          account_data: [],
        },
      };
    },
  });

/** Spec: Client-Server API, GET initialSync (deprecated). */
export const initialSyncRoute = ({ waiter }: OldSyncDeps) =>
  defineRoute({
    operation: 'initialSync',
    method: 'GET',
    paths: clientPaths('/initialSync'),
    auth: 'access_token',
    limit: 'read',
    query: z.object({ limit: limitQuery(DEFAULT_LIMIT, MAX_LIMIT), archived: z.string().optional() }),
    handler: async ({ query: { limit }, requester, request }) => {
      const { nextBatch, join, presence, accountData } = await waiter.sync({
        user: self(requester),
        device: requester.deviceId,
        since: undefined,
        filter: { ...NO_SYNC_FILTER, timeline: { ...NO_FILTER, limit } },
        fullState: false,
        useStateAfter: true,
        timeout: 0,
        signal: request.signal,
      });
      const rooms = [...join].map(([room, section]) => ({
        room_id: room,
        membership: 'join',
        messages: {
          start: section.timeline.prevBatch,
          end: nextBatch,
          chunk: section.timeline.events.map((event) => ({ ...event, room_id: room })),
        },
        state: section.state.map((event) => ({ ...event, room_id: room })),
        account_data: section.accountData,
      }));
      return { body: { end: nextBatch, presence, rooms, account_data: accountData } };
    },
  });

/** Spec: Client-Server API, GET events/{eventId} (deprecated): an event of any room the user may look into. */
export const getOneEventRoute = ({ rooms, event }: OldSyncDeps) =>
  defineRoute({
    operation: 'getOneEvent',
    method: 'GET',
    paths: clientPaths('/events/{eventId}'),
    auth: 'access_token',
    limit: 'read',
    params: z.object({ eventId: eventIdSchema }),
    handler: async ({ params: { eventId }, requester }) => {
      const found = await rooms.engine.events.get(eventId);
      if (found === undefined) throw new DomainError('not_found', 'No such event, or you may not see it');
      try {
        return { body: await event.one(found.room, eventId, audienceOf(requester)) };
      } catch (error) {
        if (!(error instanceof DomainError)) throw error;
        throw new DomainError('not_found', 'No such event, or you may not see it', { cause: error });
      }
    },
  });
