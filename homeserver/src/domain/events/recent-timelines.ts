import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import { LRUCache } from 'lru-cache';
import type { PageRequest } from '../../ports/event-store.ts';
import type { StoredEvent } from './stored-event.ts';

/** Newest events kept per room, and over all rooms. */
const MAX_PER_ROOM = 64;
const MAX_EVENTS = 10_000;

type Recent = { events: StoredEvent[] };

/**
 * The newest events of rooms that are in use, as far as this process knows, without holes: what most pages and syncs
 * are read from.
 */
export class RecentTimelines {
  readonly #rooms = new LRUCache<RoomId, Recent>({
    maxSize: MAX_EVENTS,
    sizeCalculation: () => MAX_PER_ROOM,
  });

  /** Follows a commit. */
  add(event: StoredEvent): void {
    const { room, pos } = event;
    if (pos === undefined) return;
    const recent = this.#rooms.get(room);
    const last = recent?.events.at(-1)?.pos;
    if (recent === undefined || last === undefined || pos > last + 1) {
      this.#rooms.set(room, { events: [event] });
    } else if (pos === last + 1) {
      recent.events.push(event);
      if (recent.events.length > MAX_PER_ROOM * 1.5) recent.events = recent.events.slice(-MAX_PER_ROOM);
    }
  }

  /** Takes events of a room as they were read, newest first, unless newer ones are held. */
  fill(room: RoomId, newestFirst: readonly StoredEvent[]): void {
    const [newest] = newestFirst;
    const held = this.#rooms.peek(room);
    const heldLast = held?.events.at(-1)?.pos ?? 0;
    if (newest?.pos === undefined || newest.pos < heldLast) return;
    const events = newestFirst.slice(0, MAX_PER_ROOM).toReversed();
    if (held === undefined || held.events.length < events.length) this.#rooms.set(room, { events });
  }

  replace(event: StoredEvent): void {
    const events = this.#rooms.peek(event.room)?.events ?? [];
    const at = events.findIndex((each) => each.id === event.id);
    if (at >= 0) events[at] = event;
  }

  /** Events were put in between: what is held is no longer without holes. */
  forget(room: RoomId): void {
    this.#rooms.delete(room);
  }

  /** The page, if it lies within what is held. */
  page({ room, direction, from, to, limit }: PageRequest): StoredEvent[] | undefined {
    if (direction === 'forward' || from === undefined) return undefined;
    const events = this.#rooms.get(room)?.events;
    const first = events?.[0]?.pos;
    const last = events?.at(-1)?.pos;
    if (events === undefined || first === undefined || last === undefined || from > last + 1)
      return undefined;
    const page: StoredEvent[] = [];
    for (let at = events.length - 1; at >= 0 && page.length < limit; at--) {
      const event = events[at];
      if (event?.pos === undefined) return undefined;
      if (event.pos >= from) continue;
      if (to !== undefined && event.pos <= to) return page;
      page.push(event);
    }
    const reachesStart = first === 1 && events[0]?.gapBefore === false;
    const reachesBound = to !== undefined && first <= to + 1 && Number.isInteger(to);
    return page.length === limit || reachesStart || reachesBound ? page : undefined;
  }
}
