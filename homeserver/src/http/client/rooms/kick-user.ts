import type { ModerateMember } from '../../../domain/rooms/moderate-member.ts';
import { defineRoute } from '../../route.ts';
import { clientPaths } from '../paths.ts';
import { roomParams, self, targetBody } from '../schemas.ts';

/** Spec: Client-Server API, POST rooms/{roomId}/kick. */
export const kickUserRoute = (members: ModerateMember) =>
  defineRoute({
    operation: 'kick',
    method: 'POST',
    paths: clientPaths('/rooms/{roomId}/kick'),
    auth: 'access_token',
    denySuspended: true,
    limit: 'invite',
    params: roomParams,
    bodySchema: targetBody,
    handler: async ({ params, body, requester }) => {
      const { user_id: target, reason } = body;
      await members.kick({ room: params.roomId, sender: self(requester), target, reason });
      return {};
    },
  });
