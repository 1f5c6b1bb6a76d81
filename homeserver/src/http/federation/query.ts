import { isRoomAlias, roomAliasServer } from '@nyx/federation/spec/identifiers/room-alias.ts';
import type { ServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import { isUserId, userIdServer, type UserId } from '@nyx/federation/spec/identifiers/user-id.ts';
import { directoryQuerySchema, profileQuerySchema } from '@nyx/federation/spec/schemas/directory.ts';
import { z } from 'zod';
import { DomainError } from '../../domain/errors.ts';
import type { FindRoom } from '../../domain/rooms/find-room.ts';
import { validate } from '../middleware/validate.ts';
import { defineRoute } from '../route.ts';

/** A user's whole profile, or undefined for a user who is not there. */
export type FindProfile = (user: UserId) => Promise<Readonly<Record<string, unknown>> | undefined>;

type Answer = Readonly<Record<string, unknown>>;

const V1 = '/_matrix/federation/v1/query';
const common = { method: 'GET', auth: 'federation', limit: 'federation' } as const;

/**
 * Spec: Server-Server API, Querying for information. The types of the specification have operations of their own; the
 * general one answers for them too, however they are written, and knows no others.
 */
export const queryRoutes = (find: FindRoom, findProfile: FindProfile, server: ServerName) => {
  const directory = async ({ room_alias: alias }: z.output<typeof directoryQuerySchema>): Promise<Answer> => {
    if (!isRoomAlias(alias) || roomAliasServer(alias) !== server) {
      throw new DomainError('not_found', 'Not an alias of this server');
    }
    const { room, servers } = await find.resolve(alias);
    return { room_id: room, servers };
  };
  const profile = async ({ user_id: user, field }: z.output<typeof profileQuerySchema>): Promise<Answer> => {
    const found = isUserId(user) && userIdServer(user) === server ? await findProfile(user) : undefined;
    if (found === undefined) throw new DomainError('not_found', 'No such user here');
    if (field === undefined) return found;
    const value = found[field];
    return value === undefined ? {} : { [field]: value };
  };
  return [
    defineRoute({
      ...common,
      operation: 'queryRoomDirectory',
      paths: [`${V1}/directory`],
      query: directoryQuerySchema,
      handler: async ({ query }) => ({ body: await directory(query) }),
    }),
    defineRoute({
      ...common,
      operation: 'queryProfile',
      paths: [`${V1}/profile`],
      query: profileQuerySchema,
      handler: async ({ query }) => ({ body: await profile(query) }),
    }),
    defineRoute({
      ...common,
      operation: 'queryInfo',
      paths: [`${V1}/{queryType}`],
      params: z.object({ queryType: z.string() }),
      query: z.record(z.string(), z.unknown()),
      handler: async ({ params: { queryType }, query }) => {
        if (queryType === 'directory') return { body: await directory(checked(directoryQuerySchema, query)) };
        if (queryType === 'profile') return { body: await profile(checked(profileQuerySchema, query)) };
        throw new DomainError('not_found', 'Unknown type of query');
      },
    }),
  ];
};

const checked = <T>(schema: z.ZodType<T>, query: unknown): T => validate(schema, query, 'query') as T;
