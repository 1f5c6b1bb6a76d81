import { roomIdSchema } from '@nyx/federation/spec/identifiers/schemas.ts';
import { z } from 'zod';
import type { SetState } from '../../../domain/rooms/set-state.ts';
import { defineRoute } from '../../route.ts';
import { clientPaths } from '../paths.ts';
import { jsonObjectSchema, self } from '../schemas.ts';

const params = z.object({
  roomId: roomIdSchema,
  eventType: z.string().min(1),
  stateKey: z.string().default(''),
});

/** Spec: Client-Server API, PUT rooms/{roomId}/state/{eventType}/{stateKey}. */
export const setStateRoute = (state: SetState) =>
  defineRoute({
    operation: 'setRoomStateWithKey',
    method: 'PUT',
    paths: [
      ...clientPaths('/rooms/{roomId}/state/{eventType}/{stateKey}'),
      ...clientPaths('/rooms/{roomId}/state/{eventType}'),
    ],
    auth: 'access_token',
    denySuspended: true,
    allowGuest: true,
    limit: 'message',
    params,
    bodySchema: jsonObjectSchema,
    handler: async ({ params: { roomId: room, eventType: type, stateKey }, body: content, requester }) => {
      const id = await state.set({ room, user: self(requester), type, stateKey, content });
      return { body: { event_id: id } };
    },
  });
