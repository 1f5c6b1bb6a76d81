import { z } from 'zod';
import { DEVICES_GONE_JOB } from '../../domain/accounts/sessions.ts';
import type { DeviceStore } from '../../ports/accounts.ts';
import type { DeviceObserver } from '../../ports/device-observer.ts';
import type { JobDefinition } from '../define-job.ts';
import { defineJob } from '../define-job.ts';

/**
 * Tells of devices that were removed: their keys, messages and pushers go, and group keys change. The request that
 * removed them does the same at once; this is for the one that was cut short. A device that is back by now stays.
 */
export const devicesGoneJob = (devices: DeviceStore, observer: DeviceObserver): JobDefinition =>
  defineJob({
    name: DEVICES_GONE_JOB,
    queue: 'default',
    retry: { attempts: 20, backoffMs: 1_000 },
    payload: z.object({ userId: z.string(), deviceIds: z.array(z.string()) }),
    run: async ({ userId, deviceIds }) => {
      const present = new Set((await devices.list(userId)).map(({ deviceId }) => deviceId));
      const gone = deviceIds.filter((deviceId) => !present.has(deviceId));
      if (gone.length > 0) await observer.devicesRemoved(userId, gone);
    },
  });
