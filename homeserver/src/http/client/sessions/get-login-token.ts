import { z } from 'zod';
import { authDataSchema } from '../../../domain/accounts/interactive-auth.ts';
import type { Credentials } from '../../../domain/accounts/log-in.ts';
import { defineRoute } from '../../route.ts';
import type { ConfirmIdentity } from '../confirm-identity.ts';

/** Spec: POST /_matrix/client/v1/login/get_token. */
export const getLoginTokenRoute = (credentials: Credentials, confirm: ConfirmIdentity) =>
  defineRoute({
    operation: 'generateLoginToken',
    method: 'POST',
    paths: ['/_matrix/client/v1/login/get_token'],
    auth: 'access_token',
    limit: 'login',
    bodySchema: z.object({ auth: authDataSchema }),
    handler: async ({ requester, body }) => {
      await confirm('get_token', requester.userId, body.auth);
      return { body: await credentials.makeLoginToken(requester.userId) };
    },
  });
