import { EventType } from '@nyx/federation/spec/event-types.ts';
import { isRoomAlias } from '@nyx/federation/spec/identifiers/room-alias.ts';
import { isUserId, type UserId } from '@nyx/federation/spec/identifiers/user-id.ts';
import type { AccountObserver } from '../../ports/account-observer.ts';
import type { Logger } from '../../ports/logger.ts';
import type { ProfileLookup } from '../../ports/profile-lookup.ts';
import { DomainError } from '../errors.ts';
import type { FindRoom } from './find-room.ts';
import type { JoinRoom } from './join-room.ts';
import type { LeaveRoom } from './leave-room.ts';
import type { LocalEvents } from './local-events.ts';
import { memberContent } from './member-content.ts';
import type { RoomReads } from './room-reads.ts';
import type { UserRooms } from './user-rooms.ts';

export type FollowAccountsDeps = {
  readonly rooms: RoomReads;
  readonly userRooms: UserRooms;
  readonly local: LocalEvents;
  readonly profiles: ProfileLookup;
};

export type RoomDoors = { readonly find: FindRoom; readonly join: JoinRoom; readonly leave: LeaveRoom };

/** Fields of a profile that member events show. */
const SHOWN_FIELDS: ReadonlySet<string> = new Set(['displayname', 'avatar_url']);

/** What happens to accounts, as rooms see it: new names, goodbyes, first rooms. */
export class FollowAccounts implements AccountObserver {
  readonly #deps: FollowAccountsDeps;
  readonly #doors: RoomDoors;
  readonly #firstRooms: readonly string[];
  readonly #logger: Logger;

  /** @param firstRooms aliases of rooms that new users join. */
  constructor(deps: FollowAccountsDeps, doors: RoomDoors, firstRooms: readonly string[], logger: Logger) {
    this.#deps = deps;
    this.#doors = doors;
    this.#firstRooms = firstRooms;
    this.#logger = logger;
  }

  async profileChanged(userId: string, field: string): Promise<void> {
    if (!SHOWN_FIELDS.has(field) || !isUserId(userId)) return;
    const { rooms, userRooms, local, profiles } = this.#deps;
    const profile = await profiles.memberProfile(userId);
    for (const room of await userRooms.joined(userId)) {
      const live = await rooms.find(room);
      const member = live && (await rooms.stateEvent(live.head.state, EventType.Member, userId));
      if (member === undefined) continue;
      const { displayname: _name, avatar_url: _avatar, ...more } = member.pdu.content;
      const content = memberContent('join', { profile, more });
      const request = { type: EventType.Member, sender: userId, stateKey: userId, content };
      await this.#attempt(userId, () => local.append(room, request));
    }
  }

  async deactivated(userId: string): Promise<void> {
    if (!isUserId(userId)) return;
    for (const { room, membership } of (await this.#deps.userRooms.of(userId)).values()) {
      if (membership !== 'join' && membership !== 'invite' && membership !== 'knock') continue;
      await this.#attempt(userId, () => this.#doors.leave.leave({ room, user: userId }));
    }
  }

  async registered(userId: string): Promise<void> {
    if (!isUserId(userId)) return;
    for (const alias of this.#firstRooms) {
      if (isRoomAlias(alias)) await this.#attempt(userId, () => this.#enter(userId, alias));
    }
  }

  async #enter(user: UserId, alias: string): Promise<void> {
    const { room, servers } = await this.#doors.find.find(alias);
    await this.#doors.join.join({ room, user, via: servers });
  }

  /** One room that refuses does not keep the others from it. */
  async #attempt(user: UserId, change: () => Promise<unknown>): Promise<void> {
    try {
      await change();
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      this.#logger.info({ user, code: error.code }, 'a room did not follow a change of an account');
    }
  }
}
