import { eventIdSchema, roomIdSchema } from '@nyx/federation/spec/identifiers/schemas.ts';
import { z } from 'zod';
import type { RedactEvent } from '../../../domain/rooms/redact-event.ts';
import { defineRoute } from '../../route.ts';
import { clientPaths } from '../paths.ts';
import { reasonBody, self } from '../schemas.ts';

const params = z.object({ roomId: roomIdSchema, eventId: eventIdSchema, txnId: z.string().min(1).max(255) });

/** Spec: Client-Server API, PUT rooms/{roomId}/redact/{eventId}/{txnId}. */
export const redactEventRoute = (events: RedactEvent) =>
  defineRoute({
    operation: 'redactEvent',
    method: 'PUT',
    paths: clientPaths('/rooms/{roomId}/redact/{eventId}/{txnId}'),
    auth: 'access_token',
    limit: 'message',
    params,
    bodySchema: reasonBody,
    handler: async ({ params: { roomId: room, eventId: target, txnId }, body, requester }) => {
      const content = body.reason === undefined ? {} : { reason: body.reason };
      const { deviceId: device } = requester;
      const id = await events.redact({ room, user: self(requester), device, target, txnId, content });
      return { body: { event_id: id } };
    },
  });
