import { userIdSchema } from '@nyx/federation/spec/identifiers/schemas.ts';
import { z } from 'zod';
import type { Profiles } from '../../../domain/accounts/profiles.ts';
import { defineRoute } from '../../route.ts';

/** Spec: GET /_matrix/client/v3/profile/{userId}. */
export const getProfileRoute = (profiles: Profiles) =>
  defineRoute({
    operation: 'getUserProfile',
    method: 'GET',
    paths: ['/_matrix/client/v3/profile/{userId}', '/_matrix/client/r0/profile/{userId}'],
    auth: 'optional',
    allowGuest: true,
    limit: 'read',
    params: z.object({ userId: userIdSchema }),
    handler: async ({ params }) => ({ body: await profiles.get(params.userId) }),
  });

/** Spec: GET /_matrix/client/v3/profile/{userId}/{keyName}. */
export const getProfileFieldRoute = (profiles: Profiles) =>
  defineRoute({
    operation: 'getProfileField',
    method: 'GET',
    paths: ['/_matrix/client/v3/profile/{userId}/{keyName}', '/_matrix/client/r0/profile/{userId}/{keyName}'],
    auth: 'optional',
    allowGuest: true,
    limit: 'read',
    params: z.object({ userId: userIdSchema, keyName: z.string() }),
    handler: async ({ params }) => ({
      body: { [params.keyName]: await profiles.getField(params.userId, params.keyName) },
    }),
  });
