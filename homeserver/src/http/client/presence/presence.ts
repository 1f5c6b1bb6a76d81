import { userIdSchema } from '@nyx/federation/spec/identifiers/schemas.ts';
import { z } from 'zod';
import { DomainError } from '../../../domain/errors.ts';
import type { Presence } from '../../../domain/presence/presence.ts';
import { defineRoute } from '../../route.ts';
import { requireOwn } from '../own-user.ts';
import { clientPaths } from '../paths.ts';
import { self } from '../schemas.ts';

const params = z.object({ userId: userIdSchema });
const paths = clientPaths('/presence/{userId}/status');
const MAX_STATUS = 1_000;

/** Spec: Client-Server API, GET presence/{userId}/status. */
export const getPresenceRoute = (presence: Presence) =>
  defineRoute({
    operation: 'getPresence',
    method: 'GET',
    paths,
    auth: 'access_token',
    limit: 'read',
    params,
    handler: async ({ params: { userId }, requester }) => {
      if (!(await presence.maySee(self(requester), userId))) {
        throw new DomainError('forbidden', 'You share no room with this user');
      }
      const known = presence.get(userId);
      return { body: known === undefined ? { presence: 'offline' } : presence.content(known) };
    },
  });

/** Spec: Client-Server API, PUT presence/{userId}/status. */
export const setPresenceRoute = (presence: Presence) =>
  defineRoute({
    operation: 'setPresence',
    method: 'PUT',
    paths,
    auth: 'access_token',
    denySuspended: true,
    limit: 'typing',
    params,
    bodySchema: z.object({
      presence: z.enum(['online', 'offline', 'unavailable']),
      status_msg: z.string().max(MAX_STATUS).nullish(),
    }),
    handler: async ({ params: { userId }, body, requester }) => {
      requireOwn(self(requester), userId);
      await presence.set(userId, body.presence, body.status_msg ?? undefined);
      return {};
    },
  });
