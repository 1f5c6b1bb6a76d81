import type { RegistrationTokenStore, UserStore } from '../../ports/accounts.ts';
import type { Clock } from '../../ports/clock.ts';
import type { JobQueue } from '../../ports/job-queue.ts';
import type { PasswordHasher } from '../../ports/password-hasher.ts';
import type { Random } from '../../ports/random.ts';
import { DomainError } from '../errors.ts';
import { randomToken } from '../ids.ts';
import { newUserId, userIdFor } from './user-names.ts';

export type RegistrationPolicy = {
  readonly serverName: string;
  readonly open: boolean;
  readonly guests: boolean;
  readonly minPasswordLength: number;
};

export type RegisterDeps = {
  readonly users: UserStore;
  readonly hasher: PasswordHasher;
  readonly clock: Clock;
  readonly random: Random;
  readonly queue: JobQueue;
  readonly policy: RegistrationPolicy;
};

export const REGISTERED_JOB = 'accounts.registered';

/** Longest password in characters: more would only keep the hasher busy. */
const MAX_PASSWORD_LENGTH = 512;
const GENERATED_NAME_LENGTH = 12;

/** Refuses what is too short to be a password, or too long to be one. */
export const checkPassword = (password: string, minLength: number): void => {
  if (password.length < minLength) {
    throw new DomainError('weak_password', `The password must have at least ${minLength} characters`);
  }
  if (password.length > MAX_PASSWORD_LENGTH) {
    throw new DomainError('invalid_param', `The password may have at most ${MAX_PASSWORD_LENGTH} characters`);
  }
};

/** Makes accounts. Who may have one is asked before. */
export class Registrar {
  readonly #deps: RegisterDeps;

  constructor(deps: RegisterDeps) {
    this.#deps = deps;
  }

  /** The user id that `wanted` would get. Throws `invalid_username` or `user_in_use`. */
  async available(wanted: string): Promise<string> {
    const userId = newUserId(wanted, this.#deps.policy.serverName);
    if ((await this.#deps.users.find(userId)) !== undefined) throw inUse();
    return userId;
  }

  generatedName(): string {
    return randomToken(this.#deps.random, GENERATED_NAME_LENGTH).toLowerCase();
  }

  /** Makes an account and returns its user id. Throws `user_in_use`, `invalid_username` or `weak_password`. */
  async create(wanted: string, password: string | undefined, isAdmin: boolean): Promise<string> {
    const { users, hasher, clock, queue, policy } = this.#deps;
    if (password !== undefined) checkPassword(password, policy.minPasswordLength);
    const userId = newUserId(wanted, policy.serverName);
    const passwordHash = password === undefined ? undefined : await hasher.hash(password);
    const added = await users.add({
      userId,
      createdAt: clock.now(),
      isAdmin,
      isGuest: false,
      ...(passwordHash === undefined ? {} : { passwordHash }),
    });
    if (!added) throw inUse();
    await queue.enqueue([{ name: REGISTERED_JOB, payload: { userId } }]);
    return userId;
  }

  /** Makes a guest account with a name of our choosing. */
  async createGuest(): Promise<string> {
    const { users, clock, policy } = this.#deps;
    if (!policy.guests) throw new DomainError('forbidden', 'Guests are not allowed on this server');
    const userId = userIdFor(`guest-${this.generatedName()}`, policy.serverName);
    if (!(await users.add({ userId, createdAt: clock.now(), isAdmin: false, isGuest: true }))) throw inUse();
    return userId;
  }
}

const inUse = (): DomainError => new DomainError('user_in_use', 'This user name is taken');

/** Whether `token` could be used to register now; it is not used up. */
export const isValidRegistrationToken = async (
  tokens: RegistrationTokenStore,
  token: string,
  now: number,
): Promise<boolean> => {
  const found = await tokens.find(token);
  if (found === undefined) return false;
  const { usesAllowed, used, expiresAt } = found;
  return (usesAllowed === undefined || used < usesAllowed) && (expiresAt === undefined || expiresAt > now);
};
