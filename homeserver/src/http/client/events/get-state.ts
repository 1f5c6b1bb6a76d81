import { roomIdSchema } from '@nyx/federation/spec/identifiers/schemas.ts';
import { z } from 'zod';
import type { GetState } from '../../../domain/rooms/get-state.ts';
import { defineRoute } from '../../route.ts';
import { clientPaths } from '../paths.ts';
import { audienceOf, roomParams } from '../schemas.ts';

const params = z.object({
  roomId: roomIdSchema,
  eventType: z.string().min(1),
  stateKey: z.string().default(''),
});

/** Spec: Client-Server API, GET rooms/{roomId}/state/{eventType}/{stateKey}. */
export const getStateEventRoute = (state: GetState) =>
  defineRoute({
    operation: 'getRoomStateWithKey',
    method: 'GET',
    paths: [
      ...clientPaths('/rooms/{roomId}/state/{eventType}/{stateKey}'),
      ...clientPaths('/rooms/{roomId}/state/{eventType}'),
    ],
    auth: 'access_token',
    allowGuest: true,
    limit: 'read',
    params,
    query: z.object({ format: z.enum(['content', 'event']).default('content') }),
    handler: async ({ params: { roomId, eventType, stateKey }, query, requester }) => {
      const audience = audienceOf(requester);
      const body =
        query.format === 'event'
          ? await state.event(roomId, audience, eventType, stateKey)
          : await state.content(roomId, audience, eventType, stateKey);
      return { body };
    },
  });

/** Spec: Client-Server API, GET rooms/{roomId}/state. */
export const getStateRoute = (state: GetState) =>
  defineRoute({
    operation: 'getRoomState',
    method: 'GET',
    paths: clientPaths('/rooms/{roomId}/state'),
    auth: 'access_token',
    allowGuest: true,
    limit: 'read',
    params: roomParams,
    handler: async ({ params, requester }) => ({
      body: await state.all(params.roomId, audienceOf(requester)),
    }),
  });
