import { z } from 'zod';
import { DomainError } from '../../../domain/errors.ts';
import type { DeviceStore } from '../../../ports/accounts.ts';
import { defineRoute } from '../../route.ts';
import { deviceBody } from './device-body.ts';

/** Spec: GET /_matrix/client/v3/devices/{deviceId}. */
export const getDeviceRoute = (devices: DeviceStore, flush: () => Promise<void>) =>
  defineRoute({
    operation: 'getDevice',
    method: 'GET',
    paths: ['/_matrix/client/v3/devices/{deviceId}', '/_matrix/client/r0/devices/{deviceId}'],
    auth: 'access_token',
    allowGuest: true,
    limit: 'read',
    params: z.object({ deviceId: z.string() }),
    handler: async ({ requester, params }) => {
      await flush();
      const device = await devices.find(requester.userId, params.deviceId);
      if (device === undefined) throw new DomainError('not_found', 'There is no such device');
      return { body: deviceBody(device) };
    },
  });
