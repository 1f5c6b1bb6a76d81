import { availableRoomVersions } from '@nyx/federation/room-versions/registry.ts';
import { defineRoute } from '../../route.ts';

/** Spec: GET /_matrix/client/v3/capabilities. */
export const getCapabilitiesRoute = (defaultRoomVersion: string) => {
  const common = {
    'm.change_password': { enabled: true },
    'm.room_versions': { default: defaultRoomVersion, available: availableRoomVersions() },
    'm.set_displayname': { enabled: true },
    'm.set_avatar_url': { enabled: true },
    'm.3pid_changes': { enabled: false },
    'm.get_login_token': { enabled: true },
    'm.profile_fields': { enabled: true },
    'm.forget_forced_upon_leave': { enabled: false },
  };
  return defineRoute({
    operation: 'getCapabilities',
    method: 'GET',
    paths: ['/_matrix/client/v3/capabilities', '/_matrix/client/r0/capabilities'],
    auth: 'access_token',
    allowGuest: true,
    limit: 'read',
    handler: ({ requester }) => ({
      body: {
        capabilities: requester.isAdmin
          ? { ...common, 'm.account_moderation': { suspend: true, lock: true } }
          : common,
      },
    }),
  });
};
