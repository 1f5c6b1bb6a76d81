import { z } from 'zod';
import { authDataSchema } from '../../../domain/accounts/interactive-auth.ts';
import { checkPassword } from '../../../domain/accounts/register.ts';
import type { Sessions } from '../../../domain/accounts/sessions.ts';
import { DomainError } from '../../../domain/errors.ts';
import type { UserStore } from '../../../ports/accounts.ts';
import type { PasswordHasher } from '../../../ports/password-hasher.ts';
import { defineRoute } from '../../route.ts';
import type { ConfirmIdentity } from '../confirm-identity.ts';

export type ChangePasswordDeps = {
  readonly users: UserStore;
  readonly hasher: PasswordHasher;
  readonly sessions: Sessions;
  readonly confirm: ConfirmIdentity;
  readonly minPasswordLength: number;
};

/** Spec: POST /_matrix/client/v3/account/password. */
export const changePasswordRoute = ({
  users,
  hasher,
  sessions,
  confirm,
  minPasswordLength,
}: ChangePasswordDeps) =>
  defineRoute({
    operation: 'changePassword',
    method: 'POST',
    paths: ['/_matrix/client/v3/account/password', '/_matrix/client/r0/account/password'],
    auth: 'access_token',
    limit: 'login',
    bodySchema: z.object({
      auth: authDataSchema,
      new_password: z.string().optional(),
      logout_devices: z.boolean().default(true),
    }),
    handler: async ({ requester, body }) => {
      if (body.new_password !== undefined) checkPassword(body.new_password, minPasswordLength);
      await confirm('change_password', requester.userId, body.auth);
      if (body.new_password === undefined) throw new DomainError('missing_param', 'Missing new_password');
      await users.change(requester.userId, { passwordHash: await hasher.hash(body.new_password) });
      if (body.logout_devices) await sessions.endAll(requester.userId, requester.deviceId);
      return {};
    },
  });
