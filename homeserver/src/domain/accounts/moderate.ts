import type { User, UserChange, UserStore } from '../../ports/accounts.ts';
import { DomainError } from '../errors.ts';
import { isLocalUser } from './user-names.ts';

export type ModerationDeps = {
  readonly users: UserStore;
  readonly serverName: string;
  readonly forget: (userId: string) => void;
};

/** Suspending and locking accounts (spec: Client-Server API, Server administration). */
export class Moderation {
  readonly #deps: ModerationDeps;

  constructor(deps: ModerationDeps) {
    this.#deps = deps;
  }

  /** The account, for an administrator to look at. Administrators do not moderate each other. */
  async target(requester: string, userId: string): Promise<User> {
    if (!isLocalUser(userId, this.#deps.serverName)) {
      throw new DomainError('invalid_param', 'The user does not belong to this server');
    }
    const user = await this.#deps.users.find(userId);
    if (user === undefined || user.deactivatedAt !== undefined)
      throw new DomainError('not_found', 'User not found');
    if (user.isAdmin && userId !== requester) {
      throw new DomainError('forbidden', 'Administrators cannot moderate each other');
    }
    return user;
  }

  /** Suspends, locks, or lifts either. Nobody does it to themselves. */
  async change(
    requester: string,
    userId: string,
    change: Pick<UserChange, 'isSuspended' | 'isLocked'>,
  ): Promise<void> {
    await this.target(requester, userId);
    if (userId === requester) throw new DomainError('forbidden', 'You cannot do this to yourself');
    await this.#deps.users.change(userId, change);
    this.#deps.forget(userId);
  }
}
