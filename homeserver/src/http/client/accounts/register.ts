import { z } from 'zod';
import type { InteractiveAuth, StageCheck } from '../../../domain/accounts/interactive-auth.ts';
import { authDataSchema } from '../../../domain/accounts/interactive-auth.ts';
import type { Registrar } from '../../../domain/accounts/register.ts';
import { checkPassword, isValidRegistrationToken } from '../../../domain/accounts/register.ts';
import type { Sessions } from '../../../domain/accounts/sessions.ts';
import { DomainError } from '../../../domain/errors.ts';
import type { RegistrationTokenStore } from '../../../ports/accounts.ts';
import type { Clock } from '../../../ports/clock.ts';
import type { PluginHooks } from '../../../ports/plugin-hooks.ts';
import type { Reply } from '../../route.ts';
import { defineRoute } from '../../route.ts';

export type RegisterRouteDeps = {
  readonly registrar: Registrar;
  readonly sessions: Sessions;
  readonly interactiveAuth: InteractiveAuth;
  readonly tokens: RegistrationTokenStore;
  readonly clock: Clock;
  readonly open: boolean;
  readonly minPasswordLength: number;
  readonly plugins: PluginHooks;
};

const querySchema = z.object({ kind: z.enum(['guest', 'user']).default('user') });

const bodySchema = z.object({
  auth: authDataSchema,
  username: z.string().optional(),
  password: z.string().optional(),
  device_id: z.string().optional(),
  initial_device_display_name: z.string().max(1_000).optional(),
  inhibit_login: z.boolean().default(false),
  refresh_token: z.boolean().default(false),
});

type Body = z.output<typeof bodySchema>;

const TOKEN_STAGE = 'm.login.registration_token';
const DUMMY_STAGE = 'm.login.dummy';

const registerGuest = async ({ registrar, sessions }: RegisterRouteDeps, body: Body): Promise<Reply> => {
  const userId = await registrar.createGuest();
  const session = await sessions.begin({
    userId,
    displayName: body.initial_device_display_name,
    refreshable: body.refresh_token,
  });
  return { body: { user_id: userId, ...session } };
};

/** The stages, and which registration token the client showed. */
const stagesFor = (deps: RegisterRouteDeps) => {
  let token: string | undefined;
  const byToken: StageCheck = async (auth) => {
    const given = auth.token;
    if (typeof given !== 'string') throw new DomainError('missing_param', 'Missing registration token');
    if (!(await isValidRegistrationToken(deps.tokens, given, deps.clock.now()))) {
      throw new DomainError('forbidden', 'Invalid registration token');
    }
    token = given;
  };
  const stages: Record<string, StageCheck> = { [TOKEN_STAGE]: byToken };
  if (deps.open) stages[DUMMY_STAGE] = () => Promise.resolve();
  // A token is of use on an open server too: it may make an administrator.
  const flows = deps.open ? [[DUMMY_STAGE], [TOKEN_STAGE]] : [[TOKEN_STAGE]];
  return { flows, stages, shownToken: () => token };
};

/** Uses the token up and makes the account; the use is given back when there is no account in the end. */
const createUser = async (
  deps: RegisterRouteDeps,
  body: Body,
  token: string | undefined,
): Promise<string> => {
  const name = body.username ?? deps.registrar.generatedName();
  await deps.plugins.check('checkRegistration', () => ({ username: name }));
  if (token === undefined) return deps.registrar.create(name, body.password, false);
  const used = await deps.tokens.use(token, deps.clock.now());
  if (used === undefined) throw new DomainError('forbidden', 'This registration token has been used up');
  try {
    return await deps.registrar.create(name, body.password, used.makesAdmin);
  } catch (error) {
    await deps.tokens.giveBack(token);
    throw error;
  }
};

/** Spec: POST /_matrix/client/v3/register. */
export const registerRoute = (deps: RegisterRouteDeps) =>
  defineRoute({
    operation: 'register',
    method: 'POST',
    paths: ['/_matrix/client/v3/register', '/_matrix/client/r0/register'],
    auth: 'none',
    limit: 'registration',
    query: querySchema,
    bodySchema,
    handler: async ({ query, body }) => {
      if (query.kind === 'guest') return registerGuest(deps, body);
      // The name and the password are checked before anybody is asked to authenticate.
      if (body.username !== undefined) await deps.registrar.available(body.username);
      if (body.password !== undefined) checkPassword(body.password, deps.minPasswordLength);
      const { flows, stages, shownToken } = stagesFor(deps);
      await deps.interactiveAuth.demand({ purpose: 'register', flows, stages, auth: body.auth });
      if (body.password === undefined) throw new DomainError('missing_param', 'Missing password');
      const userId = await createUser(deps, body, shownToken());
      if (body.inhibit_login) return { body: { user_id: userId } };
      const session = await deps.sessions.begin({
        userId,
        deviceId: body.device_id,
        displayName: body.initial_device_display_name,
        refreshable: body.refresh_token,
      });
      return { body: { user_id: userId, ...session } };
    },
  });
