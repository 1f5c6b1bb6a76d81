import { z } from 'zod';
import type { JoinRoom } from '../../../domain/rooms/join-room.ts';
import type { FindRoom } from '../../../domain/rooms/find-room.ts';
import { defineRoute } from '../../route.ts';
import { clientPaths } from '../paths.ts';
import { jsonObjectSchema, reasonSchema, roomParams, self, viaQuery } from '../schemas.ts';
import { signedJoin } from './signed-join.ts';

const bodySchema = z.looseObject({ reason: reasonSchema, third_party_signed: jsonObjectSchema.optional() });

/** Spec: Client-Server API, POST rooms/{roomId}/join. */
export const joinRoomByIdRoute = (rooms: JoinRoom) =>
  defineRoute({
    operation: 'joinRoomById',
    method: 'POST',
    paths: clientPaths('/rooms/{roomId}/join'),
    auth: 'access_token',
    denySuspended: true,
    limit: 'join',
    params: roomParams,
    query: viaQuery,
    bodySchema,
    handler: async ({ params, query, body, requester }) => {
      const room = params.roomId;
      const { reason, third_party_signed: thirdPartySigned } = body;
      const extra = signedJoin(body);
      await rooms.join({ room, user: self(requester), via: query, reason, thirdPartySigned, extra });
      return { body: { room_id: room } };
    },
  });

/** Spec: Client-Server API, POST join/{roomIdOrAlias}. */
export const joinRoomRoute = (rooms: JoinRoom, find: FindRoom) =>
  defineRoute({
    operation: 'joinRoom',
    method: 'POST',
    paths: clientPaths('/join/{roomIdOrAlias}'),
    auth: 'access_token',
    denySuspended: true,
    limit: 'join',
    params: z.object({ roomIdOrAlias: z.string() }),
    query: viaQuery,
    bodySchema,
    handler: async ({ params, query, body, requester }) => {
      const extra = signedJoin(body);
      const { room, servers } = await find.find(params.roomIdOrAlias);
      const { reason, third_party_signed: thirdPartySigned } = body;
      const via = [...query, ...servers];
      await rooms.join({ room, user: self(requester), via, reason, thirdPartySigned, extra });
      return { body: { room_id: room } };
    },
  });
