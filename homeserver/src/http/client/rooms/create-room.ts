import { isServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import { parseRoomAlias, isRoomAlias, type RoomAlias } from '@nyx/federation/spec/identifiers/room-alias.ts';
import { userIdSchema } from '@nyx/federation/spec/identifiers/schemas.ts';
import { userIdServer } from '@nyx/federation/spec/identifiers/user-id.ts';
import { z } from 'zod';
import { DomainError } from '../../../domain/errors.ts';
import type { CreateRoom } from '../../../domain/rooms/create-room.ts';
import { ROOM_PRESETS } from '../../../domain/rooms/room-presets.ts';
import { defineRoute } from '../../route.ts';
import { clientPaths } from '../paths.ts';
import { jsonObjectSchema, self } from '../schemas.ts';

const MAX_INVITES = 500;
const MAX_INITIAL_STATE = 500;

const bodySchema = z.object({
  visibility: z.enum(['public', 'private']).default('private'),
  room_alias_name: z.string().min(1).optional(),
  name: z.string().optional(),
  topic: z.string().optional(),
  invite: z.array(userIdSchema).max(MAX_INVITES).default([]),
  invite_3pid: z.array(z.unknown()).default([]),
  room_version: z.string().optional(),
  creation_content: jsonObjectSchema.default({}),
  initial_state: z
    .array(
      z.object({ type: z.string().min(1), state_key: z.string().default(''), content: jsonObjectSchema }),
    )
    .max(MAX_INITIAL_STATE)
    .default([]),
  preset: z.enum(ROOM_PRESETS).optional(),
  is_direct: z.boolean().default(false),
  power_level_content_override: jsonObjectSchema.default({}),
});

const aliasOf = (name: string | undefined, server: string): RoomAlias | undefined => {
  if (name === undefined) return undefined;
  const alias = `#${name}:${server}`;
  if (name.includes(':') || !isServerName(server) || !isRoomAlias(alias)) {
    throw new DomainError('invalid_param', 'Invalid room_alias_name');
  }
  return parseRoomAlias(alias);
};

/** Spec: Client-Server API, POST createRoom. */
export const createRoomRoute = (rooms: CreateRoom, defaultVersion: string) =>
  defineRoute({
    operation: 'createRoom',
    method: 'POST',
    paths: clientPaths('/createRoom'),
    auth: 'access_token',
    denySuspended: true,
    limit: 'createRoom',
    bodySchema,
    handler: async ({ body, requester }) => {
      if (body.invite_3pid.length > 0) {
        throw new DomainError('threepid_denied', 'This server does not invite by e-mail or phone number');
      }
      const creator = self(requester);
      const room = await rooms.create({
        creator,
        version: body.room_version ?? defaultVersion,
        preset: body.preset ?? (body.visibility === 'public' ? 'public_chat' : 'private_chat'),
        isPublic: body.visibility === 'public',
        alias: aliasOf(body.room_alias_name, userIdServer(creator)),
        name: body.name,
        topic: body.topic,
        invite: [...new Set(body.invite)].filter((user) => user !== creator),
        isDirect: body.is_direct,
        creationContent: body.creation_content,
        initialState: body.initial_state.map(({ type, state_key: stateKey, content }) => ({
          type,
          stateKey,
          content,
        })),
        powerLevels: body.power_level_content_override,
      });
      return { body: { room_id: room } };
    },
  });
