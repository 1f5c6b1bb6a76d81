import { z } from 'zod';
import type { KeyBackups } from '../../../domain/e2ee/backup/key-backups.ts';
import { DomainError } from '../../../domain/errors.ts';
import type { KeyBackup } from '../../../ports/key-backup-store.ts';
import type { Route } from '../../route.ts';
import { defineRoute } from '../../route.ts';
import { jsonObjectSchema } from './schemas.ts';

const PATH = '/_matrix/client/v3/room_keys/version';
const paramsSchema = z.object({ version: z.string() });
const bodySchema = z.looseObject({ algorithm: z.string(), auth_data: jsonObjectSchema });

const backupJson = ({ version, algorithm, authData, etag, count }: KeyBackup) => ({
  version,
  algorithm,
  auth_data: authData,
  etag,
  count,
});

/** Versions of the backup of room keys (spec: Client-Server API, Server-side key backups). */
export const backupVersionRoutes = (backups: KeyBackups): readonly Route[] => [
  defineRoute({
    operation: 'postRoomKeysVersion',
    method: 'POST',
    paths: [PATH],
    auth: 'access_token',
    limit: 'keys',
    bodySchema,
    handler: async ({ requester, body }) => ({
      body: { version: await backups.create(requester.userId, body.algorithm, body.auth_data) },
    }),
  }),
  defineRoute({
    operation: 'getRoomKeysVersionCurrent',
    method: 'GET',
    paths: [PATH],
    auth: 'access_token',
    limit: 'keys',
    handler: async ({ requester }) => ({ body: backupJson(await backups.find(requester.userId)) }),
  }),
  defineRoute({
    operation: 'getRoomKeysVersion',
    method: 'GET',
    paths: [`${PATH}/{version}`],
    auth: 'access_token',
    limit: 'keys',
    params: paramsSchema,
    handler: async ({ requester, params }) => ({
      body: backupJson(await backups.find(requester.userId, params.version)),
    }),
  }),
  defineRoute({
    operation: 'putRoomKeysVersion',
    method: 'PUT',
    paths: [`${PATH}/{version}`],
    auth: 'access_token',
    limit: 'keys',
    params: paramsSchema,
    bodySchema: bodySchema.extend({ version: z.string().optional() }),
    handler: async ({ requester, params, body }) => {
      if (body.version !== undefined && body.version !== params.version)
        throw new DomainError('invalid_param', 'The version in the body is not the one in the path');
      await backups.update(requester.userId, params.version, body.algorithm, body.auth_data);
      return {};
    },
  }),
  defineRoute({
    operation: 'deleteRoomKeysVersion',
    method: 'DELETE',
    paths: [`${PATH}/{version}`],
    auth: 'access_token',
    limit: 'keys',
    params: paramsSchema,
    handler: async ({ requester, params }) => {
      await backups.remove(requester.userId, params.version);
      return {};
    },
  }),
];
