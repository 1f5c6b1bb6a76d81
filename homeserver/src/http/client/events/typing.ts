import { roomIdSchema } from '@nyx/federation/spec/identifiers/schemas.ts';
import { z } from 'zod';
import type { RoomReads } from '../../../domain/rooms/room-reads.ts';
import type { Typing } from '../../../domain/typing/typing.ts';
import { defineRoute } from '../../route.ts';
import { requireOwn } from '../own-user.ts';
import { clientPaths } from '../paths.ts';
import { self } from '../schemas.ts';

const DEFAULT_TIMEOUT_MS = 30_000;

/** Spec: Client-Server API, PUT rooms/{roomId}/typing/{userId}. */
export const setTypingRoute = (rooms: RoomReads, typing: Typing) =>
  defineRoute({
    operation: 'setTyping',
    method: 'PUT',
    paths: clientPaths('/rooms/{roomId}/typing/{userId}'),
    auth: 'access_token',
    denySuspended: true,
    limit: 'typing',
    params: z.object({ roomId: roomIdSchema, userId: z.string() }),
    bodySchema: z.object({ typing: z.boolean(), timeout: z.number().int().min(0).optional() }),
    handler: async ({ params: { roomId, userId }, body, requester }) => {
      const user = self(requester);
      requireOwn(user, userId);
      await rooms.requireJoined(roomId, user);
      await typing.set(roomId, user, body.typing, body.timeout ?? DEFAULT_TIMEOUT_MS);
      return {};
    },
  });
