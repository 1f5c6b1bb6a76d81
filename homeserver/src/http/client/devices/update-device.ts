import { z } from 'zod';
import { DomainError } from '../../../domain/errors.ts';
import type { DeviceStore } from '../../../ports/accounts.ts';
import type { DeviceObserver } from '../../../ports/device-observer.ts';
import { defineRoute } from '../../route.ts';

const MAX_NAME_LENGTH = 100;

/** Spec: PUT /_matrix/client/v3/devices/{deviceId}. */
export const updateDeviceRoute = (devices: DeviceStore, observer: DeviceObserver) =>
  defineRoute({
    operation: 'updateDevice',
    method: 'PUT',
    paths: ['/_matrix/client/v3/devices/{deviceId}', '/_matrix/client/r0/devices/{deviceId}'],
    auth: 'access_token',
    limit: 'profile',
    params: z.object({ deviceId: z.string() }),
    bodySchema: z.object({ display_name: z.string().max(MAX_NAME_LENGTH).optional() }),
    handler: async ({ requester, params, body }) => {
      const known = await devices.find(requester.userId, params.deviceId);
      if (known === undefined) throw new DomainError('not_found', 'There is no such device');
      if (body.display_name === undefined || body.display_name === known.displayName) return {};
      await devices.rename(requester.userId, params.deviceId, body.display_name);
      await observer.devicesRenamed(requester.userId, [params.deviceId]);
      return {};
    },
  });
