import { roomAliasSchema, roomIdSchema } from '@nyx/federation/spec/identifiers/schemas.ts';
import { z } from 'zod';
import type { FindRoom } from '../../../domain/rooms/find-room.ts';
import type { ManageAliases } from '../../../domain/rooms/manage-aliases.ts';
import { defineRoute } from '../../route.ts';
import { clientPaths } from '../paths.ts';
import { roomParams, self } from '../schemas.ts';

const params = z.object({ roomAlias: roomAliasSchema });
const paths = clientPaths('/directory/room/{roomAlias}');

/** Spec: Client-Server API, GET directory/room/{roomAlias}. */
export const getAliasRoute = (find: FindRoom) =>
  defineRoute({
    operation: 'getRoomIdByAlias',
    method: 'GET',
    paths,
    auth: 'none',
    limit: 'read',
    params,
    handler: async ({ params: { roomAlias } }) => {
      const { room, servers } = await find.resolve(roomAlias);
      return { body: { room_id: room, servers } };
    },
  });

/** Spec: Client-Server API, PUT directory/room/{roomAlias}. */
export const setAliasRoute = (aliases: ManageAliases) =>
  defineRoute({
    operation: 'setRoomAlias',
    method: 'PUT',
    paths,
    auth: 'access_token',
    denySuspended: true,
    limit: 'createRoom',
    params,
    bodySchema: z.object({ room_id: roomIdSchema }),
    handler: async ({ params: { roomAlias }, body, requester }) => {
      await aliases.add(roomAlias, body.room_id, self(requester));
      return {};
    },
  });

/** Spec: Client-Server API, DELETE directory/room/{roomAlias}. */
export const deleteAliasRoute = (aliases: ManageAliases) =>
  defineRoute({
    operation: 'deleteRoomAlias',
    method: 'DELETE',
    paths,
    auth: 'access_token',
    limit: 'createRoom',
    params,
    body: 'none',
    handler: async ({ params: { roomAlias }, requester }) => {
      await aliases.remove(roomAlias, self(requester), requester.isAdmin);
      return {};
    },
  });

/** Spec: Client-Server API, GET rooms/{roomId}/aliases. */
export const listAliasesRoute = (aliases: ManageAliases) =>
  defineRoute({
    operation: 'getLocalAliases',
    method: 'GET',
    paths: clientPaths('/rooms/{roomId}/aliases'),
    auth: 'access_token',
    limit: 'read',
    params: roomParams,
    handler: async ({ params: { roomId }, requester }) => ({
      body: { aliases: await aliases.list(roomId, self(requester)) },
    }),
  });
