import type { Membership } from '@nyx/federation/spec/event-types.ts';
import { membershipIn, splitStateKey, type RoomState, type StateChanges } from './room-state.ts';

/** Joined and invited counts of a room and its servers, kept up to date per change instead of per member. */
export class MemberTally {
  #joined = 0;
  #invited = 0;
  readonly #servers = new Map<string, number>();

  /** Counts a whole state once. */
  static of(state: RoomState): MemberTally {
    const tally = new MemberTally();
    for (const [user, membership] of state.members()) tally.#count(user, membership, 1);
    // Those that the other server named count until all members are known.
    for (const server of state.partial?.servers ?? [])
      if (!tally.#servers.has(server)) tally.#servers.set(server, 1);
    return tally;
  }

  get joined(): number {
    return this.#joined;
  }

  get invited(): number {
    return this.#invited;
  }

  /** Servers with joined users, and how many. */
  get servers(): ReadonlyMap<string, number> {
    return this.#servers;
  }

  /** Follows the change from `before` by `changes`. */
  apply(before: RoomState, changes: StateChanges): void {
    for (const [key, value] of changes) {
      const [type, user] = splitStateKey(key);
      if (type !== 'm.room.member') continue;
      const old = before.membership(user);
      if (old !== undefined) this.#count(user, old, -1);
      const now = value === '' ? undefined : membershipIn(value);
      if (now !== undefined) this.#count(user, now, 1);
    }
  }

  #count(user: string, membership: Membership, by: 1 | -1): void {
    if (membership === 'invite') this.#invited += by;
    if (membership !== 'join') return;
    this.#joined += by;
    const server = user.slice(user.indexOf(':') + 1);
    const count = (this.#servers.get(server) ?? 0) + by;
    if (count > 0) this.#servers.set(server, count);
    else this.#servers.delete(server);
  }
}
