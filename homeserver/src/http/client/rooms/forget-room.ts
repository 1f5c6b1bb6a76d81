import type { ForgetRoom } from '../../../domain/rooms/forget-room.ts';
import { defineRoute } from '../../route.ts';
import { clientPaths } from '../paths.ts';
import { roomParams, self } from '../schemas.ts';

/** Spec: Client-Server API, POST rooms/{roomId}/forget. */
export const forgetRoomRoute = (rooms: ForgetRoom) =>
  defineRoute({
    operation: 'forgetRoom',
    method: 'POST',
    paths: clientPaths('/rooms/{roomId}/forget'),
    auth: 'access_token',
    limit: 'join',
    params: roomParams,
    handler: async ({ params, requester }) => {
      await rooms.forget(params.roomId, self(requester));
      return {};
    },
  });
