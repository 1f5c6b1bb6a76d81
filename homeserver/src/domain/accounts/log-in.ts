import type { GrantStore, User, UserStore } from '../../ports/accounts.ts';
import type { Clock } from '../../ports/clock.ts';
import type { PasswordHasher } from '../../ports/password-hasher.ts';
import type { Random } from '../../ports/random.ts';
import type { RateLimiter } from '../../ports/rate-limiter.ts';
import { DomainError } from '../errors.ts';
import { randomToken } from '../ids.ts';
import { tokenHash } from './token-hash.ts';
import { namedUserId } from './user-names.ts';

export type LoginDeps = {
  readonly users: UserStore;
  readonly grants: GrantStore;
  readonly hasher: PasswordHasher;
  readonly clock: Clock;
  readonly random: Random;
  readonly rateLimiter: RateLimiter;
  readonly serverName: string;
};

/** Spec: POST /v1/login/get_token recommends two minutes. */
const LOGIN_TOKEN_LIFETIME_MS = 120_000;
const LOGIN_TOKEN_LENGTH = 32;

const refused = (): DomainError => new DomainError('forbidden', 'Invalid user name or password');

/** Whether `user` may get a session; locked users may not begin a new one. */
const admit = (user: User): User => {
  if (user.deactivatedAt !== undefined) {
    throw new DomainError('user_deactivated', 'This account has been deactivated');
  }
  if (user.isLocked) throw new DomainError('user_locked', 'This account has been locked');
  return user;
};

/** Proves who somebody is. */
export class Credentials {
  readonly #deps: LoginDeps;

  constructor(deps: LoginDeps) {
    this.#deps = deps;
  }

  /** The user named `name` if `password` is theirs. Attempts are limited by account, whoever makes them. */
  async byPassword(name: string, password: string): Promise<User> {
    const userId = namedUserId(name, this.#deps.serverName);
    await this.#deps.rateLimiter.consume('login', `account:${userId}`);
    const user = await this.#deps.users.find(userId);
    if (!(await this.#deps.hasher.verify(user?.passwordHash, password)) || user === undefined) {
      // Deactivated users are told so: their name will never be anybody else's.
      if (user?.deactivatedAt !== undefined) admit(user);
      throw refused();
    }
    return admit(user);
  }

  /** The user a login token was made for. It cannot be used again. */
  async byLoginToken(token: string): Promise<User> {
    const { grants, users, clock } = this.#deps;
    const userId = await grants.take('login', tokenHash(token), clock.now());
    const user = userId === undefined ? undefined : await users.find(userId);
    if (user === undefined) throw new DomainError('forbidden', 'Invalid login token');
    return admit(user);
  }

  /** A token with which `userId` can log in once, elsewhere, within the answered time. */
  async makeLoginToken(userId: string): Promise<{ login_token: string; expires_in_ms: number }> {
    const { grants, clock, random } = this.#deps;
    const token = randomToken(random, LOGIN_TOKEN_LENGTH);
    await grants.add('login', tokenHash(token), userId, clock.now() + LOGIN_TOKEN_LIFETIME_MS);
    return { login_token: token, expires_in_ms: LOGIN_TOKEN_LIFETIME_MS };
  }

  /** The stage `m.login.password` for somebody who is logged in: it must be their own password. */
  async confirm(userId: string, auth: Readonly<Record<string, unknown>>): Promise<void> {
    const named = identifiedUser(auth) ?? userId;
    const { password } = auth;
    if (typeof password !== 'string') throw new DomainError('missing_param', 'Missing password');
    if (namedUserId(named, this.#deps.serverName) !== userId) throw refused();
    await this.byPassword(userId, password);
  }
}

/** The user name in an `identifier` (spec: Identifier types) or the deprecated `user` key. */
export const identifiedUser = (body: Readonly<Record<string, unknown>>): string | undefined => {
  const { identifier, user } = body;
  if (typeof identifier !== 'object' || identifier === null)
    return typeof user === 'string' ? user : undefined;
  if (!('type' in identifier) || identifier.type !== 'm.id.user') return undefined;
  return 'user' in identifier && typeof identifier.user === 'string' ? identifier.user : undefined;
};
