import { z } from 'zod';
import { DomainError } from '../../../domain/errors.ts';
import type { ListRequest, ListRooms } from '../../../domain/rooms/list-rooms.ts';
import type { RemoteDirectory } from '../../../ports/remote-directory.ts';
import { defineRoute } from '../../route.ts';
import { clientPaths } from '../paths.ts';
import { limitQuery, roomParams, self } from '../schemas.ts';
import { publicRoomJson } from './room-json.ts';

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 500;

const answer = async (rooms: ListRooms, request: ListRequest) => {
  const list = await rooms.list(request);
  return {
    chunk: list.rooms.map(publicRoomJson),
    total_room_count_estimate: list.total,
    ...(list.next === undefined ? {} : { next_batch: list.next }),
    ...(list.previous === undefined ? {} : { prev_batch: list.previous }),
  };
};

/** Who may list this server's public rooms, by the configuration. */
export type DirectoryAccess = 'everyone' | 'users' | 'nobody';

const check = (access: DirectoryAccess, isUser: boolean): void => {
  if (access === 'nobody') throw new DomainError('forbidden', 'This server does not list its rooms');
  if (access === 'users' && !isUser) throw new DomainError('missing_token', 'Missing access token');
};

/** Spec: Client-Server API, GET publicRooms. */
export const getPublicRoomsRoute = (
  rooms: ListRooms,
  remote: RemoteDirectory,
  access: DirectoryAccess,
  serverName: string,
) =>
  defineRoute({
    operation: 'getPublicRooms',
    method: 'GET',
    paths: clientPaths('/publicRooms'),
    auth: 'optional',
    allowGuest: true,
    limit: 'search',
    query: z.object({
      limit: limitQuery(DEFAULT_LIMIT, MAX_LIMIT),
      since: z.string().optional(),
      server: z.string().optional(),
    }),
    handler: async ({ query: { limit, since, server }, requester }) => {
      check(access, requester !== undefined);
      const request = { search: undefined, types: undefined, limit, since };
      if (server !== undefined && server !== serverName) return { body: await remote.list(server, request) };
      return { body: await answer(rooms, request) };
    },
  });

const bodySchema = z.object({
  limit: z.number().int().min(1).optional(),
  since: z.string().optional(),
  filter: z
    .object({
      generic_search_term: z.string().max(255).nullish(),
      room_types: z.array(z.string().nullable()).max(100).nullish(),
    })
    .optional(),
  include_all_networks: z.boolean().optional(),
  third_party_instance_id: z.string().nullish(),
});

/** Spec: Client-Server API, POST publicRooms. */
export const queryPublicRoomsRoute = (
  rooms: ListRooms,
  remote: RemoteDirectory,
  access: DirectoryAccess,
  serverName: string,
) =>
  defineRoute({
    operation: 'queryPublicRooms',
    method: 'POST',
    paths: clientPaths('/publicRooms'),
    auth: 'access_token',
    allowGuest: true,
    limit: 'search',
    query: z.object({ server: z.string().optional() }),
    bodySchema,
    handler: async ({ query: { server }, body }) => {
      check(access, true);
      const request = {
        search: body.filter?.generic_search_term ?? undefined,
        types: body.filter?.room_types ?? undefined,
        limit: Math.min(body.limit ?? DEFAULT_LIMIT, MAX_LIMIT),
        since: body.since,
      };
      if (server !== undefined && server !== serverName) return { body: await remote.list(server, request) };
      return { body: await answer(rooms, request) };
    },
  });

const visibilityPaths = clientPaths('/directory/list/room/{roomId}');

/** Spec: Client-Server API, GET directory/list/room/{roomId}. */
export const getVisibilityRoute = (rooms: ListRooms) =>
  defineRoute({
    operation: 'getRoomVisibilityOnDirectory',
    method: 'GET',
    paths: visibilityPaths,
    auth: 'none',
    limit: 'read',
    params: roomParams,
    handler: async ({ params: { roomId } }) => ({
      body: { visibility: (await rooms.isListed(roomId)) ? 'public' : 'private' },
    }),
  });

/** Spec: Client-Server API, PUT directory/list/room/{roomId}. */
export const setVisibilityRoute = (rooms: ListRooms) =>
  defineRoute({
    operation: 'setRoomVisibilityOnDirectory',
    method: 'PUT',
    paths: visibilityPaths,
    auth: 'access_token',
    denySuspended: true,
    limit: 'createRoom',
    params: roomParams,
    bodySchema: z.object({ visibility: z.enum(['public', 'private']).default('public') }),
    handler: async ({ params: { roomId }, body: { visibility }, requester }) => {
      await rooms.setListed(roomId, self(requester), visibility === 'public', requester.isAdmin);
      return {};
    },
  });
