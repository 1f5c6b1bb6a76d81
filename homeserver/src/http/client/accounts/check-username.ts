import { z } from 'zod';
import type { Registrar } from '../../../domain/accounts/register.ts';
import { defineRoute } from '../../route.ts';

/** Spec: GET /_matrix/client/v3/register/available. */
export const checkUsernameRoute = (registrar: Registrar) =>
  defineRoute({
    operation: 'checkUsernameAvailability',
    method: 'GET',
    paths: ['/_matrix/client/v3/register/available', '/_matrix/client/r0/register/available'],
    auth: 'none',
    limit: 'registration',
    query: z.object({ username: z.string() }),
    handler: async ({ query }) => {
      await registrar.available(query.username);
      return { body: { available: true } };
    },
  });
