import type { UserRooms } from '../../../domain/rooms/user-rooms.ts';
import { defineRoute } from '../../route.ts';
import { clientPaths } from '../paths.ts';
import { self } from '../schemas.ts';

/** Spec: Client-Server API, GET joined_rooms. */
export const joinedRoomsRoute = (userRooms: UserRooms) =>
  defineRoute({
    operation: 'getJoinedRooms',
    method: 'GET',
    paths: clientPaths('/joined_rooms'),
    auth: 'access_token',
    allowGuest: true,
    limit: 'read',
    handler: async ({ requester }) => ({
      body: { joined_rooms: await userRooms.joined(self(requester)) },
    }),
  });
