import { userIdSchema } from '@nyx/federation/spec/identifiers/schemas.ts';
import { z } from 'zod';
import type { Moderation } from '../../../domain/accounts/moderate.ts';
import { defineRoute } from '../../route.ts';

const SUSPEND = ['/_matrix/client/v1/admin/suspend/{userId}'];
const LOCK = ['/_matrix/client/v1/admin/lock/{userId}'];
const params = z.object({ userId: userIdSchema });

/** Spec: GET and PUT /_matrix/client/v1/admin/{suspend,lock}/{userId}. */
export const moderationRoutes = (moderation: Moderation) => [
  defineRoute({
    operation: 'getAdminSuspendUser',
    method: 'GET',
    paths: SUSPEND,
    auth: 'admin',
    limit: 'read',
    params,
    handler: async ({ requester, params: { userId } }) => ({
      body: { suspended: (await moderation.target(requester.userId, userId)).isSuspended },
    }),
  }),
  defineRoute({
    operation: 'setAdminSuspendUser',
    method: 'PUT',
    paths: SUSPEND,
    auth: 'admin',
    limit: 'profile',
    params,
    bodySchema: z.object({ suspended: z.boolean() }),
    handler: async ({ requester, params: { userId }, body: { suspended } }) => {
      await moderation.change(requester.userId, userId, { isSuspended: suspended });
      return { body: { suspended } };
    },
  }),
  defineRoute({
    operation: 'getAdminLockUser',
    method: 'GET',
    paths: LOCK,
    auth: 'admin',
    limit: 'read',
    params,
    handler: async ({ requester, params: { userId } }) => ({
      body: { locked: (await moderation.target(requester.userId, userId)).isLocked },
    }),
  }),
  defineRoute({
    operation: 'setAdminLockUser',
    method: 'PUT',
    paths: LOCK,
    auth: 'admin',
    limit: 'profile',
    params,
    bodySchema: z.object({ locked: z.boolean() }),
    handler: async ({ requester, params: { userId }, body: { locked } }) => {
      await moderation.change(requester.userId, userId, { isLocked: locked });
      return { body: { locked } };
    },
  }),
];
