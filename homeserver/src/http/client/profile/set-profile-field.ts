import { userIdSchema } from '@nyx/federation/spec/identifiers/schemas.ts';
import { z } from 'zod';
import type { Profiles } from '../../../domain/accounts/profiles.ts';
import { DomainError } from '../../../domain/errors.ts';
import { defineRoute } from '../../route.ts';
import { requireOwn } from '../own-user.ts';

const paths = [
  '/_matrix/client/v3/profile/{userId}/{keyName}',
  '/_matrix/client/r0/profile/{userId}/{keyName}',
];
const params = z.object({ userId: userIdSchema, keyName: z.string() });
/** A whole profile and its key. */
const BODY_LIMIT = 80_000;

/** Spec: PUT /_matrix/client/v3/profile/{userId}/{keyName}. */
export const setProfileFieldRoute = (profiles: Profiles) =>
  defineRoute({
    operation: 'setProfileField',
    method: 'PUT',
    paths,
    auth: 'access_token',
    denySuspended: true,
    limit: 'profile',
    bodyLimit: BODY_LIMIT,
    params,
    bodySchema: z.record(z.string(), z.unknown()),
    handler: async ({ requester, params: { userId, keyName }, body }) => {
      requireOwn(requester.userId, userId);
      if (!Object.hasOwn(body, keyName)) throw new DomainError('missing_param', `Missing ${keyName}`);
      await profiles.set(userId, keyName, body[keyName]);
      return {};
    },
  });

/** Spec: DELETE /_matrix/client/v3/profile/{userId}/{keyName}. */
export const deleteProfileFieldRoute = (profiles: Profiles) =>
  defineRoute({
    operation: 'deleteProfileField',
    method: 'DELETE',
    paths,
    auth: 'access_token',
    denySuspended: true,
    limit: 'profile',
    params,
    handler: async ({ requester, params: { userId, keyName } }) => {
      requireOwn(requester.userId, userId);
      await profiles.remove(userId, keyName);
      return {};
    },
  });
