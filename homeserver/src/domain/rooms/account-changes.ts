import { EventType, type Membership } from '@nyx/federation/spec/event-types.ts';
import { isUserId, type UserId } from '@nyx/federation/spec/identifiers/user-id.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { AccountObserver } from '../../ports/account-observer.ts';
import type { Logger } from '../../ports/logger.ts';
import type { ProfileLookup } from '../../ports/profile-lookup.ts';
import { DomainError } from '../errors.ts';
import type { FindRoom } from './find-room.ts';
import type { JoinRoom } from './join-room.ts';
import type { LeaveRoom } from './leave-room.ts';
import type { LocalEvents } from './local-events.ts';
import { memberContent } from './member-content.ts';
import type { UserRooms } from './user-rooms.ts';

export type AccountChangesDeps = {
  readonly userRooms: UserRooms;
  readonly local: LocalEvents;
  readonly profiles: ProfileLookup;
  readonly leave: LeaveRoom;
  readonly entrance: {
    readonly find: FindRoom;
    readonly join: JoinRoom;
    readonly aliases: readonly string[];
  };
  readonly logger: Logger;
};

/** Memberships that end with the account. */
const PRESENT: readonly Membership[] = ['join', 'invite', 'knock'];

/**
 * What happens to accounts, carried into their rooms. Run by jobs, so every step may be repeated: state that is already
 * so is not sent again. A room that refuses does not keep the others from learning; an outage repeats the job.
 */
export class AccountChanges implements AccountObserver {
  readonly #deps: AccountChangesDeps;

  constructor(deps: AccountChangesDeps) {
    this.#deps = deps;
  }

  /** The configured rooms, for a new user. */
  async registered(userId: string): Promise<void> {
    const { find, join, aliases } = this.#deps.entrance;
    await this.#each(aliases, async (alias) => {
      const user = asUser(userId);
      const { room, servers } = await find.find(alias);
      await join.join({ room, user, via: servers });
    });
  }

  /** A new name or picture, in the member event of every joined room (spec: Profiles, Events on Change of Profile). */
  async profileChanged(userId: string): Promise<void> {
    const user = asUser(userId);
    const profile = await this.#deps.profiles.memberProfile(user);
    const content = memberContent('join', { profile });
    await this.#each(await this.#deps.userRooms.joined(userId), async (room) => {
      await this.#deps.local.append(room, { type: EventType.Member, sender: user, stateKey: user, content });
    });
  }

  /** Leaves every room, and what was on the way to one. */
  async deactivated(userId: string): Promise<void> {
    const user = asUser(userId);
    const lists = await Promise.all(PRESENT.map((one) => this.#deps.userRooms.withMembership(userId, one)));
    await this.#each(lists.flat(), (room: RoomId) => this.#deps.leave.leave({ room, user }));
  }

  async #each<T>(items: readonly T[], step: (item: T) => Promise<void>): Promise<void> {
    for (const item of items) {
      try {
        await step(item);
      } catch (error) {
        if (!(error instanceof DomainError) || error.code === 'unavailable') throw error;
        this.#deps.logger.warn({ code: error.code }, 'a room did not take the change of an account');
      }
    }
  }
}

const asUser = (userId: string): UserId => {
  if (!isUserId(userId)) throw new DomainError('invalid_param', 'Not a user id');
  return userId;
};
