import { z } from 'zod';
import type { KeyBackups } from '../../../domain/e2ee/backup/key-backups.ts';
import { DomainError } from '../../../domain/errors.ts';
import type { BackedUpKey, KeySelection } from '../../../ports/key-backup-store.ts';
import type { Route } from '../../route.ts';
import { defineRoute } from '../../route.ts';
import { BACKUP_BODY_BYTES } from '../keys/body-limits.ts';
import {
  allRoomsSchema,
  keyJson,
  keySchema,
  keysOfRoom,
  roomSchema,
  sessionsJson,
  toBackedUpKey,
  versionQuerySchema,
} from './schemas.ts';

const PATH = '/_matrix/client/v3/room_keys/keys';
const ROOM = `${PATH}/{roomId}`;
const SESSION = `${ROOM}/{sessionId}`;

const roomParams = z.object({ roomId: z.string() });
const sessionParams = z.object({ roomId: z.string(), sessionId: z.string() });

const all = {
  auth: 'access_token',
  limit: 'keys',
  query: versionQuerySchema,
  bodyLimit: BACKUP_BODY_BYTES,
} as const;

const requireOne = (keys: readonly BackedUpKey[]): BackedUpKey => {
  const [key] = keys;
  if (key === undefined) throw new DomainError('not_found', 'This key is not in the backup');
  return key;
};

/** Adding keys to the backup (spec: Client-Server API, Server-side key backups). */
const putRoutes = (backups: KeyBackups): readonly Route[] => [
  defineRoute({
    ...all,
    operation: 'putRoomKeyBySessionId',
    method: 'PUT',
    paths: [SESSION],
    // The id of a session is the id of a key.
    privatePath: true,
    params: sessionParams,
    bodySchema: keySchema,
    handler: async ({ requester, params, query, body }) => {
      const key = toBackedUpKey(params.roomId, params.sessionId, body);
      const { etag, count } = await backups.putKeys(requester.userId, query.version, [key]);
      return { body: { etag, count } };
    },
  }),
  defineRoute({
    ...all,
    operation: 'putRoomKeysByRoomId',
    method: 'PUT',
    paths: [ROOM],
    params: roomParams,
    bodySchema: roomSchema,
    handler: async ({ requester, params, query, body }) => {
      const keys = keysOfRoom(params.roomId, body);
      const { etag, count } = await backups.putKeys(requester.userId, query.version, keys);
      return { body: { etag, count } };
    },
  }),
  defineRoute({
    ...all,
    operation: 'putRoomKeys',
    method: 'PUT',
    paths: [PATH],
    bodySchema: allRoomsSchema,
    handler: async ({ requester, query, body }) => {
      const keys = Object.entries(body.rooms).flatMap(([roomId, room]) => keysOfRoom(roomId, room));
      const { etag, count } = await backups.putKeys(requester.userId, query.version, keys);
      return { body: { etag, count } };
    },
  }),
];

const getRoutes = (backups: KeyBackups): readonly Route[] => [
  defineRoute({
    ...all,
    operation: 'getRoomKeyBySessionId',
    method: 'GET',
    paths: [SESSION],
    // The id of a session is the id of a key.
    privatePath: true,
    params: sessionParams,
    handler: async ({ requester, params, query }) => ({
      body: keyJson(requireOne(await backups.keys(requester.userId, query.version, params))),
    }),
  }),
  defineRoute({
    ...all,
    operation: 'getRoomKeysByRoomId',
    method: 'GET',
    paths: [ROOM],
    params: roomParams,
    handler: async ({ requester, params, query }) => ({
      body: sessionsJson(await backups.keys(requester.userId, query.version, params)),
    }),
  }),
  defineRoute({
    ...all,
    operation: 'getRoomKeys',
    method: 'GET',
    paths: [PATH],
    handler: async ({ requester, query }) => {
      const keys = await backups.keys(requester.userId, query.version, {});
      const rooms = [...Map.groupBy(keys, ({ roomId }) => roomId)];
      return { body: { rooms: Object.fromEntries(rooms.map(([id, ofRoom]) => [id, sessionsJson(ofRoom)])) } };
    },
  }),
];

const deleteRoute = (
  backups: KeyBackups,
  operation: string,
  path: string,
  params: z.ZodType<KeySelection>,
): Route =>
  defineRoute({
    ...all,
    operation,
    method: 'DELETE',
    paths: [path],
    privatePath: path === SESSION,
    params,
    handler: async ({ requester, params: selection, query }) => {
      const { etag, count } = await backups.removeKeys(requester.userId, query.version, selection);
      return { body: { etag, count } };
    },
  });

/** Keys of the backup of room keys. */
export const backupKeyRoutes = (backups: KeyBackups): readonly Route[] => [
  ...putRoutes(backups),
  ...getRoutes(backups),
  deleteRoute(backups, 'deleteRoomKeyBySessionId', SESSION, sessionParams),
  deleteRoute(backups, 'deleteRoomKeysByRoomId', ROOM, roomParams),
  deleteRoute(backups, 'deleteRoomKeys', PATH, z.object({})),
];
