import type { Sessions } from '../../../domain/accounts/sessions.ts';
import { defineRoute } from '../../route.ts';

/** Spec: POST /_matrix/client/v3/logout. */
export const logOutRoute = (sessions: Sessions) =>
  defineRoute({
    operation: 'logout',
    method: 'POST',
    paths: ['/_matrix/client/v3/logout', '/_matrix/client/r0/logout'],
    auth: 'access_token',
    allowLocked: true,
    allowGuest: true,
    limit: 'none',
    handler: async ({ requester }) => {
      await sessions.end(requester.userId, [requester.deviceId]);
      return {};
    },
  });

/** Spec: POST /_matrix/client/v3/logout/all. */
export const logOutAllRoute = (sessions: Sessions) =>
  defineRoute({
    operation: 'logout_all',
    method: 'POST',
    paths: ['/_matrix/client/v3/logout/all', '/_matrix/client/r0/logout/all'],
    auth: 'access_token',
    allowLocked: true,
    limit: 'none',
    handler: async ({ requester }) => {
      await sessions.endAll(requester.userId);
      return {};
    },
  });
