import { userIdSchema } from '@nyx/federation/spec/identifiers/schemas.ts';
import { z } from 'zod';
import { DomainError } from '../../../domain/errors.ts';
import type { GetEvent } from '../../../domain/rooms/get-event.ts';
import type { RoomReads } from '../../../domain/rooms/room-reads.ts';
import type { Clock } from '../../../ports/clock.ts';
import type { ReportStore } from '../../../ports/report-store.ts';
import { defineRoute } from '../../route.ts';
import { clientPaths } from '../paths.ts';
import { eventParams, roomParams, self } from '../schemas.ts';

const MAX_REASON = 4_000;
const reason = z.string().max(MAX_REASON);

/** Spec: Client-Server API, POST rooms/{roomId}/report/{eventId}. */
export const reportEventRoute = (events: GetEvent, rooms: RoomReads, reports: ReportStore, clock: Clock) =>
  defineRoute({
    operation: 'reportEvent',
    method: 'POST',
    paths: clientPaths('/rooms/{roomId}/report/{eventId}'),
    auth: 'access_token',
    limit: 'report',
    params: eventParams,
    bodySchema: z.object({ reason: reason.nullish(), score: z.number().int().min(-100).max(0).nullish() }),
    handler: async ({ params: { roomId: room, eventId }, body, requester }) => {
      const reporter = self(requester);
      if ((await rooms.membership(room, reporter)) !== 'join') {
        throw new DomainError('not_found', 'No such event, or you may not see it');
      }
      await events.visible(room, eventId, reporter);
      await reports.add({
        kind: 'event',
        reporter,
        room,
        event: eventId,
        reason: body.reason ?? '',
        ...(typeof body.score === 'number' ? { score: body.score } : {}),
        at: clock.now(),
      });
      return {};
    },
  });

/** Spec: Client-Server API, POST rooms/{roomId}/report. Whether the room exists is not told. */
export const reportRoomRoute = (reports: ReportStore, clock: Clock) =>
  defineRoute({
    operation: 'reportRoom',
    method: 'POST',
    paths: clientPaths('/rooms/{roomId}/report'),
    auth: 'access_token',
    limit: 'report',
    params: roomParams,
    bodySchema: z.object({ reason }),
    handler: async ({ params: { roomId: room }, body, requester }) => {
      const { reason: given } = body;
      await reports.add({ kind: 'room', reporter: self(requester), room, reason: given, at: clock.now() });
      return {};
    },
  });

/** Spec: Client-Server API, POST users/{userId}/report. Whether the user exists is not told. */
export const reportUserRoute = (reports: ReportStore, clock: Clock) =>
  defineRoute({
    operation: 'reportUser',
    method: 'POST',
    paths: clientPaths('/users/{userId}/report'),
    auth: 'access_token',
    limit: 'report',
    params: z.object({ userId: userIdSchema }),
    bodySchema: z.object({ reason }),
    handler: async ({ params: { userId: user }, body, requester }) => {
      const { reason: given } = body;
      await reports.add({ kind: 'user', reporter: self(requester), user, reason: given, at: clock.now() });
      return {};
    },
  });
