import { z } from 'zod';
import { isValidRegistrationToken } from '../../../domain/accounts/register.ts';
import type { RegistrationTokenStore } from '../../../ports/accounts.ts';
import type { Clock } from '../../../ports/clock.ts';
import { defineRoute } from '../../route.ts';

/** Spec: GET /_matrix/client/v1/register/m.login.registration_token/validity. */
export const checkRegistrationTokenRoute = (tokens: RegistrationTokenStore, clock: Clock) =>
  defineRoute({
    operation: 'registrationTokenValidity',
    method: 'GET',
    paths: ['/_matrix/client/v1/register/m.login.registration_token/validity'],
    auth: 'none',
    limit: 'registration',
    query: z.object({ token: z.string() }),
    handler: async ({ query }) => ({
      body: { valid: await isValidRegistrationToken(tokens, query.token, clock.now()) },
    }),
  });
