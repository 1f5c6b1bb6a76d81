import { z } from 'zod';
import type { CachedRemoteKeys } from '../../domain/e2ee/federation/cached-remote-keys.ts';
import type { DeviceListChanges } from '../../ports/device-lists.ts';
import type { RemoteDeviceLists } from '../../ports/remote-device-lists.ts';
import type { JobDefinition } from '../define-job.ts';
import { defineJob } from '../define-job.ts';

/** Name of the job that fetches the whole device list of another server's user. */
export const RESYNC_DEVICES_JOB = 'keys.resync-devices';

/** How long the other server's answer is waited for. */
const TIMEOUT_MS = 30_000;

export type ResyncDeps = {
  readonly remote: Pick<CachedRemoteKeys, 'fetch'>;
  readonly lists: RemoteDeviceLists;
  readonly changes: DeviceListChanges;
  readonly isFollowed: (userId: string) => Promise<boolean>;
};

/**
 * Fetches a device list whose updates have a gap (spec: Server-Server API, Device Management), again and again while
 * the other server is away. Clients that asked meanwhile in vain are told to ask again.
 */
export const resyncDevicesJob = ({ remote, lists, changes, isFollowed }: ResyncDeps): JobDefinition =>
  defineJob({
    name: RESYNC_DEVICES_JOB,
    queue: 'federation',
    retry: { attempts: 12, backoffMs: 5_000 },
    payload: z.object({ userId: z.string() }),
    run: async ({ userId }, { attempt }) => {
      if (!(await isFollowed(userId)) || (await lists.ofUsers([userId])).length > 0) return;
      await remote.fetch(userId.slice(userId.indexOf(':') + 1), userId, TIMEOUT_MS);
      if (attempt > 1) await changes.record([userId]);
    },
  });
