import { z } from 'zod';
import { authDataSchema } from '../../../domain/accounts/interactive-auth.ts';
import type { Sessions } from '../../../domain/accounts/sessions.ts';
import { defineRoute } from '../../route.ts';
import type { ConfirmIdentity } from '../confirm-identity.ts';

/** Most devices deleted by one request. */
const MAX_DEVICES = 1_000;

/** Spec: DELETE /_matrix/client/v3/devices/{deviceId}. */
export const deleteDeviceRoute = (sessions: Sessions, confirm: ConfirmIdentity) =>
  defineRoute({
    operation: 'deleteDevice',
    method: 'DELETE',
    paths: ['/_matrix/client/v3/devices/{deviceId}', '/_matrix/client/r0/devices/{deviceId}'],
    auth: 'access_token',
    limit: 'profile',
    params: z.object({ deviceId: z.string() }),
    bodySchema: z.object({ auth: authDataSchema }),
    handler: async ({ requester, params, body }) => {
      await confirm('delete_devices', requester.userId, body.auth);
      await sessions.end(requester.userId, [params.deviceId]);
      return {};
    },
  });

/** Spec: POST /_matrix/client/v3/delete_devices. */
export const deleteDevicesRoute = (sessions: Sessions, confirm: ConfirmIdentity) =>
  defineRoute({
    operation: 'deleteDevices',
    method: 'POST',
    paths: ['/_matrix/client/v3/delete_devices', '/_matrix/client/r0/delete_devices'],
    auth: 'access_token',
    limit: 'profile',
    bodySchema: z.object({ auth: authDataSchema, devices: z.array(z.string()).max(MAX_DEVICES) }),
    handler: async ({ requester, body }) => {
      await confirm('delete_devices', requester.userId, body.auth);
      await sessions.end(requester.userId, body.devices);
      return {};
    },
  });
