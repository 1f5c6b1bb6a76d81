import { z } from 'zod';
import type { FindRoom } from '../../../domain/rooms/find-room.ts';
import type { KnockRoom } from '../../../domain/rooms/knock-room.ts';
import { defineRoute } from '../../route.ts';
import { clientPaths } from '../paths.ts';
import { reasonBody, self, viaQuery } from '../schemas.ts';

/** Spec: Client-Server API, POST knock/{roomIdOrAlias}. */
export const knockRoomRoute = (rooms: KnockRoom, find: FindRoom) =>
  defineRoute({
    operation: 'knockRoom',
    method: 'POST',
    paths: clientPaths('/knock/{roomIdOrAlias}'),
    auth: 'access_token',
    denySuspended: true,
    limit: 'join',
    params: z.object({ roomIdOrAlias: z.string() }),
    query: viaQuery,
    bodySchema: reasonBody,
    handler: async ({ params, query, body, requester }) => {
      const { room, servers } = await find.find(params.roomIdOrAlias);
      await rooms.knock({ room, user: self(requester), via: [...query, ...servers], reason: body.reason });
      return { body: { room_id: room } };
    },
  });
