import { isRoomAlias, roomAliasServer } from '@nyx/federation/spec/identifiers/room-alias.ts';
import type { ServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import { isUserId, userIdServer, type UserId } from '@nyx/federation/spec/identifiers/user-id.ts';
import { directoryQuerySchema, profileQuerySchema } from '@nyx/federation/spec/schemas/directory.ts';
import { DomainError } from '../../domain/errors.ts';
import type { FindRoom } from '../../domain/rooms/find-room.ts';
import { defineRoute } from '../route.ts';

/** A user's whole profile, or undefined for a user who is not there. */
export type FindProfile = (user: UserId) => Promise<Readonly<Record<string, unknown>> | undefined>;

/** Spec: Server-Server API, GET query/directory. */
export const queryDirectoryRoute = (find: FindRoom, server: ServerName) =>
  defineRoute({
    operation: 'queryRoomDirectory',
    method: 'GET',
    paths: ['/_matrix/federation/v1/query/directory'],
    auth: 'federation',
    limit: 'federation',
    query: directoryQuerySchema,
    handler: async ({ query }) => {
      const alias = query.room_alias;
      if (!isRoomAlias(alias) || roomAliasServer(alias) !== server) {
        throw new DomainError('not_found', 'Not an alias of this server');
      }
      const { room, servers } = await find.resolve(alias);
      return { body: { room_id: room, servers } };
    },
  });

/** Spec: Server-Server API, GET query/profile. */
export const queryProfileRoute = (findProfile: FindProfile, server: ServerName) =>
  defineRoute({
    operation: 'queryProfile',
    method: 'GET',
    paths: ['/_matrix/federation/v1/query/profile'],
    auth: 'federation',
    limit: 'federation',
    query: profileQuerySchema,
    handler: async ({ query }) => {
      const user = query.user_id;
      const profile = isUserId(user) && userIdServer(user) === server ? await findProfile(user) : undefined;
      if (profile === undefined) throw new DomainError('not_found', 'No such user here');
      if (query.field === undefined) return { body: profile };
      const value = profile[query.field];
      return { body: value === undefined ? {} : { [query.field]: value } };
    },
  });
