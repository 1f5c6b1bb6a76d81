import { roomIdSchema, userIdSchema } from '@nyx/federation/spec/identifiers/schemas.ts';
import { z } from 'zod';
import type { AccountData } from '../../../domain/accounts/account-data.ts';
import { FULLY_READ_TYPE, PUSH_RULES_TYPE } from '../../../domain/accounts/account-data.ts';
import { DomainError } from '../../../domain/errors.ts';
import { defineRoute } from '../../route.ts';
import { requireOwn } from '../own-user.ts';

const GLOBAL = [
  '/_matrix/client/v3/user/{userId}/account_data/{type}',
  '/_matrix/client/r0/user/{userId}/account_data/{type}',
];
const IN_ROOM = [
  '/_matrix/client/v3/user/{userId}/rooms/{roomId}/account_data/{type}',
  '/_matrix/client/r0/user/{userId}/rooms/{roomId}/account_data/{type}',
];
const globalParams = z.object({ userId: userIdSchema, type: z.string().max(255) });
const roomParams = z.object({ userId: userIdSchema, roomId: roomIdSchema, type: z.string().max(255) });
const content = z.record(z.string(), z.unknown());
/** Lists of direct chats and ignored users grow long. */
const BODY_LIMIT = 524_288;

/** Types that have endpoints of their own (spec: Client Config). */
const SERVER_CONTROLLED: ReadonlySet<string> = new Set([FULLY_READ_TYPE, PUSH_RULES_TYPE]);

const refuseControlled = (type: string): void => {
  if (SERVER_CONTROLLED.has(type)) {
    throw new DomainError('server_controlled', `Cannot set ${type} through this API`);
  }
};

const found = (value: Readonly<Record<string, unknown>> | undefined) => {
  if (value === undefined) throw new DomainError('not_found', 'Account data not found');
  return { body: value };
};

/** Spec: GET and PUT /_matrix/client/v3/user/{userId}/account_data/{type}. */
export const globalAccountDataRoutes = (accountData: AccountData) => [
  defineRoute({
    operation: 'getAccountData',
    method: 'GET',
    paths: GLOBAL,
    auth: 'access_token',
    allowGuest: true,
    limit: 'read',
    params: globalParams,
    handler: async ({ requester, params: { userId, type } }) => {
      requireOwn(requester.userId, userId);
      return found(await accountData.get(userId, undefined, type));
    },
  }),
  defineRoute({
    operation: 'setAccountData',
    method: 'PUT',
    paths: GLOBAL,
    auth: 'access_token',
    allowGuest: true,
    limit: 'profile',
    bodyLimit: BODY_LIMIT,
    params: globalParams,
    bodySchema: content,
    handler: async ({ requester, params: { userId, type }, body }) => {
      requireOwn(requester.userId, userId);
      refuseControlled(type);
      await accountData.set(userId, undefined, type, body);
      return {};
    },
  }),
];

/** Spec: GET and PUT /_matrix/client/v3/user/{userId}/rooms/{roomId}/account_data/{type}. */
export const roomAccountDataRoutes = (accountData: AccountData) => [
  defineRoute({
    operation: 'getAccountDataPerRoom',
    method: 'GET',
    paths: IN_ROOM,
    auth: 'access_token',
    allowGuest: true,
    limit: 'read',
    params: roomParams,
    handler: async ({ requester, params: { userId, roomId, type } }) => {
      requireOwn(requester.userId, userId);
      return found(await accountData.get(userId, roomId, type));
    },
  }),
  defineRoute({
    operation: 'setAccountDataPerRoom',
    method: 'PUT',
    paths: IN_ROOM,
    auth: 'access_token',
    allowGuest: true,
    limit: 'profile',
    bodyLimit: BODY_LIMIT,
    params: roomParams,
    bodySchema: content,
    handler: async ({ requester, params: { userId, roomId, type }, body }) => {
      requireOwn(requester.userId, userId);
      refuseControlled(type);
      await accountData.set(userId, roomId, type, body);
      return {};
    },
  }),
];
