import { userIdSchema } from '@nyx/federation/spec/identifiers/schemas.ts';
import { z } from 'zod';
import { tokenHash } from '../../../domain/accounts/token-hash.ts';
import { DomainError } from '../../../domain/errors.ts';
import { randomToken } from '../../../domain/ids.ts';
import type { GrantStore } from '../../../ports/accounts.ts';
import type { Clock } from '../../../ports/clock.ts';
import type { Random } from '../../../ports/random.ts';
import { defineRoute } from '../../route.ts';
import { requireOwn } from '../own-user.ts';

export type OpenIdDeps = {
  readonly grants: GrantStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly serverName: string;
};

const LIFETIME_SECONDS = 3_600;
const TOKEN_LENGTH = 32;

/** Spec: POST /_matrix/client/v3/user/{userId}/openid/request_token. */
export const requestOpenIdTokenRoute = ({ grants, clock, random, serverName }: OpenIdDeps) =>
  defineRoute({
    operation: 'requestOpenIdToken',
    method: 'POST',
    paths: [
      '/_matrix/client/v3/user/{userId}/openid/request_token',
      '/_matrix/client/r0/user/{userId}/openid/request_token',
    ],
    auth: 'access_token',
    limit: 'profile',
    params: z.object({ userId: userIdSchema }),
    handler: async ({ requester, params }) => {
      requireOwn(requester.userId, params.userId);
      const token = randomToken(random, TOKEN_LENGTH);
      await grants.add('openid', tokenHash(token), params.userId, clock.now() + LIFETIME_SECONDS * 1_000);
      return {
        body: {
          access_token: token,
          token_type: 'Bearer',
          matrix_server_name: serverName,
          expires_in: LIFETIME_SECONDS,
        },
      };
    },
  });

/** Spec: GET /_matrix/federation/v1/openid/userinfo, by which others check such a token. */
export const openIdUserInfoRoute = ({ grants, clock }: OpenIdDeps) =>
  defineRoute({
    operation: 'exchangeOpenIdToken',
    method: 'GET',
    paths: ['/_matrix/federation/v1/openid/userinfo'],
    auth: 'none',
    limit: 'federation',
    query: z.object({ access_token: z.string() }),
    handler: async ({ query }) => {
      const userId = await grants.find('openid', tokenHash(query.access_token), clock.now());
      if (userId === undefined) throw new DomainError('unknown_token', 'Access token unknown or expired');
      return { body: { sub: userId } };
    },
  });
