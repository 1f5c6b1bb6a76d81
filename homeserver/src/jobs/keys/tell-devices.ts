import { z } from 'zod';
import type { TellDevicesDeps } from '../../domain/e2ee/federation/tell-devices.ts';
import { TELL_DEVICES_JOB, tellDevices } from '../../domain/e2ee/federation/tell-devices.ts';
import type { JobDefinition } from '../define-job.ts';
import { defineJob } from '../define-job.ts';

/** Tells other servers of changed devices of a user. */
export const tellDevicesJob = (deps: TellDevicesDeps): JobDefinition =>
  defineJob({
    name: TELL_DEVICES_JOB,
    queue: 'keys',
    retry: { attempts: 20, backoffMs: 1_000 },
    payload: z.object({ userId: z.string() }),
    run: ({ userId }) => tellDevices(deps, userId),
  });
