import type { RegistrationTokenStore, UserStore } from '../../ports/accounts.ts';
import type { Random } from '../../ports/random.ts';
import { randomToken } from '../ids.ts';

const TOKEN_LENGTH = 32;

/**
 * While a server has no user, one token makes its first, who administrates it. Returns that token, the same at every
 * start; once there are users, an unused one is taken away and there is none.
 */
export const firstAdminToken = async (
  users: UserStore,
  tokens: RegistrationTokenStore,
  random: Random,
): Promise<string | undefined> => {
  const open = (await tokens.list()).find(({ makesAdmin, used }) => makesAdmin && used === 0);
  if (await users.any()) {
    if (open !== undefined) await tokens.remove(open.token);
    return undefined;
  }
  if (open !== undefined) return open.token;
  const token = randomToken(random, TOKEN_LENGTH);
  await tokens.add({ token, usesAllowed: 1, used: 0, makesAdmin: true });
  return token;
};
