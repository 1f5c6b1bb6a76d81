import { userIdSchema } from '@nyx/federation/spec/identifiers/schemas.ts';
import { z } from 'zod';
import { DomainError } from '../../../domain/errors.ts';
import type { InviteUser } from '../../../domain/rooms/invite-user.ts';
import { defineRoute } from '../../route.ts';
import { clientPaths } from '../paths.ts';
import { reasonSchema, roomParams, self } from '../schemas.ts';

const bodySchema = z.object({
  user_id: userIdSchema.optional(),
  reason: reasonSchema,
  id_server: z.string().optional(),
  medium: z.string().optional(),
  address: z.string().optional(),
});

/** Spec: Client-Server API, POST rooms/{roomId}/invite. */
export const inviteUserRoute = (rooms: InviteUser) =>
  defineRoute({
    operation: 'inviteUser',
    method: 'POST',
    paths: clientPaths('/rooms/{roomId}/invite'),
    auth: 'access_token',
    denySuspended: true,
    limit: 'invite',
    params: roomParams,
    bodySchema,
    handler: async ({ params, body, requester }) => {
      if (body.user_id === undefined) {
        if (body.medium === undefined) throw new DomainError('missing_param', 'Missing user_id');
        throw new DomainError('threepid_denied', 'This server does not invite by e-mail or phone number');
      }
      const { reason, user_id: target } = body;
      await rooms.invite({ room: params.roomId, sender: self(requester), target, reason });
      return {};
    },
  });
