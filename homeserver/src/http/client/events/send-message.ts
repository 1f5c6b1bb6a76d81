import { roomIdSchema } from '@nyx/federation/spec/identifiers/schemas.ts';
import { z } from 'zod';
import { DomainError } from '../../../domain/errors.ts';
import type { SendEvent } from '../../../domain/rooms/send-event.ts';
import { defineRoute } from '../../route.ts';
import { clientPaths } from '../paths.ts';
import { jsonObjectSchema, self } from '../schemas.ts';

const MAX_TXN_ID = 255;
const params = z.object({
  roomId: roomIdSchema,
  eventType: z.string().min(1),
  txnId: z.string().min(1).max(MAX_TXN_ID),
});

/** State that only other requests may set. */
const STATE_ONLY = 'm.room.create';

/** Spec: Client-Server API, PUT rooms/{roomId}/send/{eventType}/{txnId}. */
export const sendMessageRoute = (events: SendEvent) =>
  defineRoute({
    operation: 'sendMessage',
    method: 'PUT',
    paths: clientPaths('/rooms/{roomId}/send/{eventType}/{txnId}'),
    auth: 'access_token',
    denySuspended: true,
    allowGuest: true,
    limit: 'message',
    params,
    bodySchema: jsonObjectSchema,
    handler: async ({ params: { roomId: room, eventType: type, txnId }, body: content, requester }) => {
      if (type === STATE_ONLY) throw new DomainError('forbidden', 'Rooms are made by createRoom');
      const user = self(requester);
      const id = await events.send({ room, user, device: requester.deviceId, type, txnId, content });
      return { body: { event_id: id } };
    },
  });
