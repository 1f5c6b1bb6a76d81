import { userIdSchema } from '@nyx/federation/spec/identifiers/schemas.ts';
import { z } from 'zod';
import { DomainError } from '../../../domain/errors.ts';
import type { Device, DeviceStore, UserStore } from '../../../ports/accounts.ts';
import { defineRoute } from '../../route.ts';

const connectionsOf = ({ seenIp, seenAt, seenAgent }: Device) =>
  seenIp === undefined
    ? []
    : [
        {
          ip: seenIp,
          ...(seenAt === undefined ? {} : { last_seen: seenAt }),
          ...(seenAgent === undefined ? {} : { user_agent: seenAgent }),
        },
      ];

/** Spec: GET /_matrix/client/v3/admin/whois/{userId}: for administrators and for oneself. */
export const whoIsRoute = (users: UserStore, devices: DeviceStore, flush: () => Promise<void>) =>
  defineRoute({
    operation: 'getWhoIs',
    method: 'GET',
    paths: ['/_matrix/client/v3/admin/whois/{userId}', '/_matrix/client/r0/admin/whois/{userId}'],
    auth: 'access_token',
    limit: 'read',
    params: z.object({ userId: userIdSchema }),
    handler: async ({ requester, params: { userId } }) => {
      if (!requester.isAdmin && requester.userId !== userId) {
        throw new DomainError('forbidden', 'You are not a server administrator');
      }
      if ((await users.find(userId)) === undefined) throw new DomainError('not_found', 'User not found');
      await flush();
      const list = await devices.list(userId);
      const entries = list.map((device) => [
        device.deviceId,
        { sessions: [{ connections: connectionsOf(device) }] },
      ]);
      return { body: { user_id: userId, devices: Object.fromEntries(entries) as object } };
    },
  });
