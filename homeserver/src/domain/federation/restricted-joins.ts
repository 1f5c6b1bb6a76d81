import { isRoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { ServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import { isUserId, userIdServer, type UserId } from '@nyx/federation/spec/identifiers/user-id.ts';
import { DomainError } from '../errors.ts';
import type { LiveRoom } from '../events/room-heads.ts';
import { summarise } from '../rooms/room-summary.ts';
import type { RoomReads } from '../rooms/room-reads.ts';

/** Users whose power to invite is looked at when a restricted join needs somebody to authorise it. */
const MAX_CANDIDATES = 10_000;

/** Lets users of other servers into restricted rooms (spec: Server-Server API, Restricted rooms). */
export class RestrictedJoins {
  readonly #rooms: RoomReads;
  readonly #server: ServerName;

  constructor(rooms: RoomReads, server: ServerName) {
    this.#rooms = rooms;
    this.#server = server;
  }

  /**
   * Who of this server authorises the user's join; undefined when nobody has to. Throws `forbidden` when the user is in
   * none of the rooms, `unable_to_authorise_join` when this server cannot tell, `unable_to_grant_join` when it has
   * nobody with the power.
   */
  async authoriser(live: LiveRoom, user: UserId): Promise<UserId | undefined> {
    const { state, rules } = live.head;
    const membership = state.membership(user);
    if (!rules.auth.restrictedJoins || membership === 'invite' || membership === 'join') return undefined;
    const { joinRule, allowedRooms } = await summarise(this.#rooms, live);
    if (joinRule !== 'restricted' && joinRule !== 'knock_restricted') return undefined;
    await this.#requireMemberOfAny(allowedRooms, user);
    const power = await this.#rooms.power(live);
    const needed = power.level('invite');
    let seen = 0;
    for (const [member, current] of state.members()) {
      if (++seen > MAX_CANDIDATES) break;
      if (current !== 'join' || !isUserId(member) || userIdServer(member) !== this.#server) continue;
      if (power.ofUser(member) >= needed) return member;
    }
    throw new DomainError('unable_to_grant_join', 'Nobody on this server may invite to this room');
  }

  async #requireMemberOfAny(candidates: readonly string[], user: UserId): Promise<void> {
    let knowsAny = false;
    for (const room of candidates) {
      if (!isRoomId(room)) continue;
      const live = await this.#rooms.find(room);
      if (live?.tally.servers.has(this.#server) !== true) continue;
      knowsAny = true;
      if (live.head.state.membership(user) === 'join') return;
    }
    if (knowsAny) {
      throw new DomainError('forbidden', 'The user belongs to none of the rooms whose members may join');
    }
    throw new DomainError('unable_to_authorise_join', 'This server is in none of the rooms that matter');
  }
}
