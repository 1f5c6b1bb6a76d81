import type { UserId } from '@nyx/federation/spec/identifiers/user-id.ts';
import { z } from 'zod';
import type { WaitForSync } from '../../../domain/sync/wait-for-sync.ts';
import type { FilterStore } from '../../../ports/accounts.ts';
import { defineRoute } from '../../route.ts';
import { clientPaths } from '../paths.ts';
import { self } from '../schemas.ts';
import { readSyncFilter } from './read-filter.ts';
import { syncBody } from './write-sync.ts';

const flag = z
  .enum(['true', 'false'])
  .default('false')
  .transform((value) => value === 'true');

const query = z.object({
  filter: z.string().optional(),
  since: z.string().optional(),
  full_state: flag,
  use_state_after: flag,
  'org.matrix.msc4222.use_state_after': flag,
  set_presence: z.enum(['offline', 'online', 'unavailable']).default('online'),
  timeout: z
    .string()
    .regex(/^\d{1,9}$/, 'not a number')
    .default('0')
    .transform(Number),
});

/** Told that a client is there. */
export interface SyncObserver {
  synced(user: UserId, presence: 'offline' | 'online' | 'unavailable'): void;
}

/** Spec: Client-Server API, GET sync. */
export const syncRoute = (waiter: WaitForSync, filters: FilterStore, observer: SyncObserver) =>
  defineRoute({
    operation: 'sync',
    method: 'GET',
    paths: clientPaths('/sync'),
    auth: 'access_token',
    allowGuest: true,
    limit: 'none',
    role: 'sync',
    query,
    handler: async ({ query: asked, requester, request }) => {
      const user = self(requester);
      const { deviceId: device } = requester;
      const filter = await readSyncFilter(asked.filter, user, filters);
      observer.synced(user, asked.set_presence);
      const unstable = asked['org.matrix.msc4222.use_state_after'];
      const response = await waiter.sync({
        user,
        device,
        since: asked.since,
        filter,
        fullState: asked.full_state,
        useStateAfter: asked.use_state_after || unstable,
        timeout: asked.timeout,
        signal: request.signal,
      });
      return { body: syncBody(response, filter, unstable && !asked.use_state_after) };
    },
  });
