import { z } from 'zod';
import { DomainError } from '../../domain/errors.ts';
import { randomToken } from '../../domain/ids.ts';
import type { RegistrationToken, RegistrationTokenStore } from '../../ports/accounts.ts';
import type { Random } from '../../ports/random.ts';
import { defineRoute } from '../route.ts';

const LIST = ['/_synapse/admin/v1/registration_tokens'];
const ONE = ['/_synapse/admin/v1/registration_tokens/{token}'];
const DEFAULT_LENGTH = 16;
const MAX_LENGTH = 64;
/** Spec: POST /register: opaque identifiers of these characters. */
const TOKEN = /^[A-Za-z0-9._~-]{1,64}$/;

const body = ({ token, usesAllowed, used, expiresAt }: RegistrationToken) => ({
  token,
  uses_allowed: usesAllowed ?? null,
  pending: 0,
  completed: used,
  expiry_time: expiresAt ?? null,
});

const newSchema = z.object({
  token: z.string().regex(TOKEN, 'may hold A-Z a-z 0-9 . _ ~ -').optional(),
  length: z.int().min(1).max(MAX_LENGTH).default(DEFAULT_LENGTH),
  uses_allowed: z.int().nonnegative().nullish(),
  expiry_time: z.int().nonnegative().nullish(),
});

const found = (token: RegistrationToken | undefined): RegistrationToken => {
  if (token === undefined || token.makesAdmin)
    throw new DomainError('not_found', 'No such registration token');
  return token;
};

/** Registration tokens for administrators, in the shape of Synapse's admin API. */
export const registrationTokenRoutes = (tokens: RegistrationTokenStore, random: Random) => [
  defineRoute({
    operation: 'adminCreateRegistrationToken',
    method: 'POST',
    paths: LIST.map((path) => `${path}/new`),
    auth: 'admin',
    limit: 'none',
    bodySchema: newSchema,
    handler: async ({ body: wanted }) => {
      const token: RegistrationToken = {
        token: wanted.token ?? randomToken(random, wanted.length),
        used: 0,
        makesAdmin: false,
        ...(typeof wanted.uses_allowed === 'number' ? { usesAllowed: wanted.uses_allowed } : {}),
        ...(typeof wanted.expiry_time === 'number' ? { expiresAt: wanted.expiry_time } : {}),
      };
      if (!(await tokens.add(token))) throw new DomainError('invalid_param', 'Token already exists');
      return { body: body(token) };
    },
  }),
  defineRoute({
    operation: 'adminListRegistrationTokens',
    method: 'GET',
    paths: LIST,
    auth: 'admin',
    limit: 'none',
    handler: async () => ({
      body: { registration_tokens: (await tokens.list()).filter(({ makesAdmin }) => !makesAdmin).map(body) },
    }),
  }),
  defineRoute({
    operation: 'adminGetRegistrationToken',
    method: 'GET',
    paths: ONE,
    privatePath: true,
    auth: 'admin',
    limit: 'none',
    params: z.object({ token: z.string() }),
    handler: async ({ params }) => ({ body: body(found(await tokens.find(params.token))) }),
  }),
  defineRoute({
    operation: 'adminDeleteRegistrationToken',
    method: 'DELETE',
    paths: ONE,
    privatePath: true,
    auth: 'admin',
    limit: 'none',
    params: z.object({ token: z.string() }),
    handler: async ({ params }) => {
      await tokens.remove(found(await tokens.find(params.token)).token);
      return {};
    },
  }),
];
