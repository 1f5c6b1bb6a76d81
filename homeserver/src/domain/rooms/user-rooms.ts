import type { Membership } from '@nyx/federation/spec/event-types.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import { LRUCache } from 'lru-cache';
import type { ForgottenRooms } from '../../ports/forgotten-rooms.ts';
import type { EventLookups, MembershipRow } from '../../ports/event-store.ts';
import type { StoredEvent } from '../events/stored-event.ts';

/** Users whose memberships are kept in memory. */
const MAX_USERS = 5_000;

/** Which rooms users are in, were in and have not forgotten: read once from the index of member events, then kept up with commits. */
export class UserRooms {
  readonly #lookups: EventLookups;
  readonly #forgotten: ForgottenRooms;
  readonly #users = new LRUCache<string, Map<RoomId, MembershipRow>>({ max: MAX_USERS });
  readonly #loading = new Map<string, Loading>();

  constructor(lookups: EventLookups, forgotten: ForgottenRooms) {
    this.#lookups = lookups;
    this.#forgotten = forgotten;
  }

  /** The user's rooms with any membership there is or was. Not to be changed. */
  async of(user: string): Promise<ReadonlyMap<RoomId, MembershipRow>> {
    const held = this.#users.get(user);
    if (held !== undefined) return held;
    let loading = this.#loading.get(user);
    if (loading === undefined) {
      const missed: StoredEvent[] = [];
      const rooms = this.#load(user, missed).finally(() => this.#loading.delete(user));
      loading = { missed, rooms };
      this.#loading.set(user, loading);
    }
    return loading.rooms;
  }

  async joined(user: string): Promise<RoomId[]> {
    return this.withMembership(user, 'join');
  }

  async withMembership(user: string, membership: Membership): Promise<RoomId[]> {
    const rooms = await this.of(user);
    return [...rooms.values()].filter((row) => row.membership === membership).map((row) => row.room);
  }

  /** Follows commits, here or elsewhere. */
  follow(events: readonly StoredEvent[]): void {
    for (const event of events) {
      for (const { user } of event.memberChanges) {
        this.#loading.get(user)?.missed.push(event);
        const rooms = this.#users.peek(user);
        if (rooms !== undefined) applyTo(rooms, user, event);
      }
    }
  }

  /** The user forgot the room, unless there was news of it since. */
  forget(user: string, room: RoomId, memberEvent: EventId): void {
    const rooms = this.#users.peek(user);
    if (rooms?.get(room)?.eventId === memberEvent) rooms.delete(room);
  }

  async #load(user: string, missed: readonly StoredEvent[]): Promise<Map<RoomId, MembershipRow>> {
    const [rows, forgotten] = await Promise.all([this.#lookups.memberships(user), this.#forgotten.of(user)]);
    const remembered = rows.filter((row) => forgotten.get(row.room) !== row.eventId);
    const rooms = new Map(remembered.map((row) => [row.room, row]));
    for (const event of missed) applyTo(rooms, user, event);
    this.#users.set(user, rooms);
    return rooms;
  }
}

/** A load under way, and the commits it may not have seen. */
type Loading = {
  readonly missed: StoredEvent[];
  readonly rooms: Promise<Map<RoomId, MembershipRow>>;
};

function applyTo(rooms: Map<RoomId, MembershipRow>, user: string, event: StoredEvent): void {
  const { room, stream = 0 } = event;
  const change = event.memberChanges.findLast((each) => each.user === user);
  if (change === undefined || stream < (rooms.get(room)?.stream ?? 0)) return;
  rooms.set(room, { room, stream, membership: change.membership, eventId: change.eventId });
}
