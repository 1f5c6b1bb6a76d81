import { z } from 'zod';
import { authDataSchema } from '../../../domain/accounts/interactive-auth.ts';
import type { Sessions } from '../../../domain/accounts/sessions.ts';
import type { AccountCloser } from '../../../ports/account-closer.ts';
import type { ProfileStore } from '../../../ports/accounts.ts';
import type { Clock } from '../../../ports/clock.ts';
import { defineRoute } from '../../route.ts';
import type { ConfirmIdentity } from '../confirm-identity.ts';

export type DeactivateDeps = {
  readonly closer: AccountCloser;
  readonly sessions: Sessions;
  readonly profiles: ProfileStore;
  readonly confirm: ConfirmIdentity;
  readonly clock: Clock;
  /** Hands the stored job over soon. */
  readonly poke: () => void;
};

/** Spec: POST /_matrix/client/v3/account/deactivate. Leaving the rooms is a job: there may be many. */
export const deactivateRoute = ({ closer, sessions, profiles, confirm, clock, poke }: DeactivateDeps) =>
  defineRoute({
    operation: 'deactivateAccount',
    method: 'POST',
    paths: ['/_matrix/client/v3/account/deactivate', '/_matrix/client/r0/account/deactivate'],
    auth: 'access_token',
    limit: 'login',
    bodySchema: z.object({ auth: authDataSchema, erase: z.boolean().default(false) }),
    handler: async ({ requester, body }) => {
      await confirm('deactivate', requester.userId, body.auth);
      await closer.close(requester.userId, clock.now(), body.erase);
      await sessions.endAll(requester.userId);
      await profiles.remove(requester.userId);
      poke();
      // Identity servers are none of this server's business: it never bound anything to one.
      return { body: { id_server_unbind_result: 'no-support' } };
    },
  });
