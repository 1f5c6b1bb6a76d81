import type { DeviceStore } from '../../../ports/accounts.ts';
import { defineRoute } from '../../route.ts';
import { deviceBody } from './device-body.ts';

/** Spec: GET /_matrix/client/v3/devices. `flush` writes down when devices were seen. */
export const getDevicesRoute = (devices: DeviceStore, flush: () => Promise<void>) =>
  defineRoute({
    operation: 'getDevices',
    method: 'GET',
    paths: ['/_matrix/client/v3/devices', '/_matrix/client/r0/devices'],
    auth: 'access_token',
    allowGuest: true,
    limit: 'read',
    handler: async ({ requester }) => {
      await flush();
      return { body: { devices: (await devices.list(requester.userId)).map(deviceBody) } };
    },
  });
