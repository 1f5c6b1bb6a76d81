import type { LeaveRoom } from '../../../domain/rooms/leave-room.ts';
import { defineRoute } from '../../route.ts';
import { clientPaths } from '../paths.ts';
import { reasonBody, roomParams, self } from '../schemas.ts';

/** Spec: Client-Server API, POST rooms/{roomId}/leave. */
export const leaveRoomRoute = (rooms: LeaveRoom) =>
  defineRoute({
    operation: 'leaveRoom',
    method: 'POST',
    paths: clientPaths('/rooms/{roomId}/leave'),
    auth: 'access_token',
    limit: 'join',
    params: roomParams,
    bodySchema: reasonBody,
    handler: async ({ params, body, requester }) => {
      await rooms.leave({ room: params.roomId, user: self(requester), reason: body.reason });
      return {};
    },
  });
