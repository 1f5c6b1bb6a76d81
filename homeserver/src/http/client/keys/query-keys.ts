import { z } from 'zod';
import { MAX_USERS_PER_QUERY } from '../../../domain/e2ee/limits.ts';
import type { QueryDeps } from '../../../domain/e2ee/query-keys.ts';
import { queryKeys } from '../../../domain/e2ee/query-keys.ts';
import { DomainError } from '../../../domain/errors.ts';
import type { CrossSigningUsage } from '../../../ports/cross-signing-store.ts';
import type { Route } from '../../route.ts';
import { defineRoute } from '../../route.ts';
import { KEYS_BODY_BYTES } from './body-limits.ts';
import { remoteTimeout } from './remote-timeout.ts';

const bodySchema = z.looseObject({
  device_keys: z.record(z.string(), z.array(z.string())),
  timeout: z.number().optional(),
});

/** POST /keys/query (spec: Client-Server API, Key management API). */
export const queryKeysRoute = (deps: QueryDeps): Route =>
  defineRoute({
    operation: 'queryKeys',
    method: 'POST',
    paths: ['/_matrix/client/v3/keys/query'],
    bodyLimit: KEYS_BODY_BYTES,
    auth: 'access_token',
    limit: 'keys',
    bodySchema,
    handler: async ({ requester, body }) => {
      const wanted = new Map(Object.entries(body.device_keys));
      if (wanted.size > MAX_USERS_PER_QUERY)
        throw new DomainError('invalid_param', `At most ${MAX_USERS_PER_QUERY} users at once`);
      const { devices, crossSigning, failures } = await queryKeys(
        deps,
        requester.userId,
        wanted,
        remoteTimeout(body.timeout),
      );
      const ofUsage = (usage: CrossSigningUsage) =>
        Object.fromEntries(
          [...crossSigning].flatMap(([user, keys]) => {
            const key = keys[usage];
            return key === undefined ? [] : [[user, key]];
          }),
        );
      return {
        body: {
          device_keys: Object.fromEntries(
            [...devices].map(([user, byDevice]) => [user, Object.fromEntries(byDevice)]),
          ),
          master_keys: ofUsage('master'),
          self_signing_keys: ofUsage('self_signing'),
          user_signing_keys: ofUsage('user_signing'),
          failures: Object.fromEntries(failures.map((server) => [server, {}])),
        },
      };
    },
  });
