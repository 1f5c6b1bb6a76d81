import { eventIdSchema, roomIdSchema } from '@nyx/federation/spec/identifiers/schemas.ts';
import { z } from 'zod';
import { DomainError } from '../../../domain/errors.ts';
import type { ReadMarkers } from '../../../domain/rooms/read-markers.ts';
import { defineRoute } from '../../route.ts';
import { clientPaths } from '../paths.ts';
import { roomParams, self } from '../schemas.ts';

const FULLY_READ = 'm.fully_read';

/** Spec: Client-Server API, POST rooms/{roomId}/receipt/{receiptType}/{eventId}. */
export const postReceiptRoute = (markers: ReadMarkers) =>
  defineRoute({
    operation: 'postReceipt',
    method: 'POST',
    paths: clientPaths('/rooms/{roomId}/receipt/{receiptType}/{eventId}'),
    auth: 'access_token',
    limit: 'typing',
    params: z.object({
      roomId: roomIdSchema,
      receiptType: z.enum(['m.read', 'm.read.private', FULLY_READ]),
      eventId: eventIdSchema,
    }),
    bodySchema: z.object({ thread_id: z.string().optional() }),
    handler: async ({ params: { roomId, receiptType, eventId }, body: { thread_id: thread }, requester }) => {
      const user = self(requester);
      if (thread === '') throw new DomainError('invalid_param', 'thread_id is empty');
      if (receiptType === FULLY_READ) {
        if (thread !== undefined) throw new DomainError('invalid_param', 'm.fully_read knows no threads');
        await markers.fullyRead(roomId, user, eventId);
      } else {
        await markers.receipt(roomId, user, receiptType, eventId, thread);
      }
      return {};
    },
  });

/** Spec: Client-Server API, POST rooms/{roomId}/read_markers. */
export const readMarkersRoute = (markers: ReadMarkers) =>
  defineRoute({
    operation: 'setReadMarker',
    method: 'POST',
    paths: clientPaths('/rooms/{roomId}/read_markers'),
    auth: 'access_token',
    limit: 'typing',
    params: roomParams,
    bodySchema: z.object({
      [FULLY_READ]: eventIdSchema.optional(),
      'm.read': eventIdSchema.optional(),
      'm.read.private': eventIdSchema.optional(),
    }),
    handler: async ({ params: { roomId }, body, requester }) => {
      const user = self(requester);
      for (const type of ['m.read', 'm.read.private'] as const) {
        const event = body[type];
        if (event !== undefined) await markers.receipt(roomId, user, type, event, undefined);
      }
      const fullyRead = body[FULLY_READ];
      if (fullyRead !== undefined) await markers.fullyRead(roomId, user, fullyRead);
      return {};
    },
  });
