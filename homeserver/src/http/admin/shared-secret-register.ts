import { createHmac } from 'node:crypto';
import type { Secret } from '@nyx/config/secret.ts';
import { z } from 'zod';
import type { Registrar } from '../../domain/accounts/register.ts';
import type { Sessions } from '../../domain/accounts/sessions.ts';
import { DomainError } from '../../domain/errors.ts';
import { randomToken } from '../../domain/ids.ts';
import type { AuthSessionStore } from '../../ports/accounts.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Random } from '../../ports/random.ts';
import { secretsEqual } from '../middleware/authenticate.ts';
import { defineRoute } from '../route.ts';

export type SharedSecretDeps = {
  readonly registrar: Registrar;
  readonly sessions: Sessions;
  readonly nonces: AuthSessionStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly serverName: string;
  /** Each of them is good: the configured one, and the one of this machine. */
  readonly secrets: readonly Secret[];
};

const PATHS = ['/_synapse/admin/v1/register'];
const PURPOSE = 'shared-secret';
const NONCE_LIFETIME_MS = 60_000;
const NONCE_LENGTH = 32;

const bodySchema = z.object({
  nonce: z.string(),
  username: z.string(),
  password: z.string(),
  admin: z.boolean().default(false),
  user_type: z.string().nullish(),
  mac: z.string(),
});

/** HMAC-SHA-1 over the fields, joined by NUL: Synapse's shared-secret registration, which many tools speak. */
const macOf = (secret: Secret, body: z.output<typeof bodySchema>): string => {
  const fields = [body.nonce, body.username, body.password, body.admin ? 'admin' : 'notadmin'];
  if (typeof body.user_type === 'string') fields.push(body.user_type);
  return createHmac('sha1', secret.reveal()).update(fields.join('\0')).digest('hex');
};

/** GET (a nonce) and POST (an account for whoever knows the secret) of Synapse's registration for tools. */
export const sharedSecretRegisterRoutes = (deps: SharedSecretDeps) => [
  defineRoute({
    operation: 'adminRegisterNonce',
    method: 'GET',
    paths: PATHS,
    auth: 'none',
    limit: 'registration',
    handler: async () => {
      const nonce = randomToken(deps.random, NONCE_LENGTH);
      const session = { id: nonce, purpose: PURPOSE, completed: [] };
      await deps.nonces.create(session, deps.clock.now() + NONCE_LIFETIME_MS);
      return { body: { nonce } };
    },
  }),
  defineRoute({
    operation: 'adminRegister',
    method: 'POST',
    paths: PATHS,
    auth: 'none',
    limit: 'registration',
    bodySchema,
    handler: async ({ body }) => {
      const nonce = await deps.nonces.find(body.nonce);
      if (nonce?.purpose !== PURPOSE || !(await deps.nonces.consume(body.nonce))) {
        throw new DomainError('unknown_client_error', 'unrecognised nonce');
      }
      if (!deps.secrets.some((secret) => secretsEqual(macOf(secret, body), body.mac.toLowerCase()))) {
        throw new DomainError('forbidden', 'HMAC incorrect');
      }
      const userId = await deps.registrar.create(body.username, body.password, body.admin);
      const session = await deps.sessions.begin({ userId, refreshable: false });
      return { body: { user_id: userId, home_server: deps.serverName, ...session } };
    },
  }),
];
