import { z } from 'zod';
import type { Credentials } from '../../../domain/accounts/log-in.ts';
import { identifiedUser } from '../../../domain/accounts/log-in.ts';
import type { Sessions } from '../../../domain/accounts/sessions.ts';
import { DomainError } from '../../../domain/errors.ts';
import type { User } from '../../../ports/accounts.ts';
import type { PluginHooks } from '../../../ports/plugin-hooks.ts';
import { defineRoute } from '../../route.ts';

const bodySchema = z.object({
  type: z.string(),
  identifier: z.looseObject({ type: z.string() }).optional(),
  user: z.string().optional(),
  password: z.string().optional(),
  token: z.string().optional(),
  device_id: z.string().optional(),
  initial_device_display_name: z.string().max(1_000).optional(),
  refresh_token: z.boolean().default(false),
});

const prove = (body: z.output<typeof bodySchema>, credentials: Credentials): Promise<User> => {
  switch (body.type) {
    case 'm.login.password': {
      const name = identifiedUser(body);
      if (body.identifier !== undefined && body.identifier.type !== 'm.id.user') {
        throw new DomainError('forbidden', 'This server knows users by their name only');
      }
      if (name === undefined) throw new DomainError('missing_param', 'Missing the name of the user');
      if (body.password === undefined) throw new DomainError('missing_param', 'Missing password');
      return credentials.byPassword(name, body.password);
    }
    case 'm.login.token':
      if (body.token === undefined) throw new DomainError('missing_param', 'Missing token');
      return credentials.byLoginToken(body.token);
    default:
      throw new DomainError('unknown_client_error', 'Unknown login type');
  }
};

/** Spec: POST /_matrix/client/v3/login. */
export const logInRoute = (
  credentials: Credentials,
  sessions: Sessions,
  publicUrl: string | undefined,
  plugins: PluginHooks,
) =>
  defineRoute({
    operation: 'login',
    method: 'POST',
    paths: ['/_matrix/client/v3/login', '/_matrix/client/r0/login'],
    auth: 'none',
    limit: 'login',
    bodySchema,
    handler: async ({ body }) => {
      const user = await prove(body, credentials);
      await plugins.check('checkLogin', () => ({
        userId: user.userId,
        ...(body.device_id === undefined ? {} : { deviceId: body.device_id }),
      }));
      const session = await sessions.begin({
        userId: user.userId,
        deviceId: body.device_id,
        displayName: body.initial_device_display_name,
        refreshable: body.refresh_token,
      });
      return {
        body: {
          user_id: user.userId,
          ...session,
          ...(publicUrl === undefined ? {} : { well_known: { 'm.homeserver': { base_url: publicUrl } } }),
        },
      };
    },
  });
