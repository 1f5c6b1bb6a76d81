import { userIdSchema } from '@nyx/federation/spec/identifiers/schemas.ts';
import { z } from 'zod';
import type { UpgradeRoom } from '../../../domain/rooms/upgrade-room.ts';
import { defineRoute } from '../../route.ts';
import { clientPaths } from '../paths.ts';
import { roomParams, self } from '../schemas.ts';

const bodySchema = z.object({
  new_version: z.string(),
  additional_creators: z.array(userIdSchema).max(100).default([]),
});

/** Spec: Client-Server API, POST rooms/{roomId}/upgrade. */
export const upgradeRoomRoute = (rooms: UpgradeRoom) =>
  defineRoute({
    operation: 'upgradeRoom',
    method: 'POST',
    paths: clientPaths('/rooms/{roomId}/upgrade'),
    auth: 'access_token',
    denySuspended: true,
    limit: 'createRoom',
    params: roomParams,
    bodySchema,
    handler: async ({ params, body, requester }) => {
      const replacement = await rooms.upgrade({
        room: params.roomId,
        user: self(requester),
        version: body.new_version,
        additionalCreators: body.additional_creators,
      });
      return { body: { replacement_room: replacement } };
    },
  });
