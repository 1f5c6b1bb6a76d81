import { z } from 'zod';
import type { Sessions } from '../../../domain/accounts/sessions.ts';
import { defineRoute } from '../../route.ts';

/** Spec: POST /_matrix/client/v3/refresh. */
export const refreshRoute = (sessions: Sessions) =>
  defineRoute({
    operation: 'refresh',
    method: 'POST',
    paths: ['/_matrix/client/v3/refresh', '/_matrix/client/v1/refresh'],
    auth: 'none',
    limit: 'login',
    bodySchema: z.object({ refresh_token: z.string() }),
    handler: async ({ body }) => ({ body: await sessions.refresh(body.refresh_token) }),
  });
