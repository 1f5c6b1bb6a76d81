import type { AuthData, InteractiveAuth } from '../../domain/accounts/interactive-auth.ts';
import type { Credentials } from '../../domain/accounts/log-in.ts';

/** Makes a logged-in user prove that it is still them (spec: User-Interactive Authentication API). Throws the challenge. */
export type ConfirmIdentity = (operation: string, userId: string, auth: AuthData) => Promise<void>;

const PASSWORD_STAGE = 'm.login.password';

/** By password; `operation` names what the proof is for, so that it is good for nothing else. */
export const confirmIdentity =
  (interactiveAuth: InteractiveAuth, credentials: Credentials): ConfirmIdentity =>
  (operation, userId, auth) =>
    interactiveAuth.demand({
      purpose: `${operation} ${userId}`,
      flows: [[PASSWORD_STAGE]],
      stages: { [PASSWORD_STAGE]: (given) => credentials.confirm(userId, given) },
      auth,
    });
