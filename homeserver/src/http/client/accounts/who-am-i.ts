import { defineRoute } from '../../route.ts';

/** Spec: GET /_matrix/client/v3/account/whoami. */
export const whoAmIRoute = () =>
  defineRoute({
    operation: 'getTokenOwner',
    method: 'GET',
    paths: ['/_matrix/client/v3/account/whoami', '/_matrix/client/r0/account/whoami'],
    auth: 'access_token',
    allowGuest: true,
    limit: 'read',
    handler: ({ requester }) => ({
      body: { user_id: requester.userId, device_id: requester.deviceId, is_guest: requester.isGuest },
    }),
  });
