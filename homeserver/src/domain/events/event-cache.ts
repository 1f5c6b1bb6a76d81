import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import { LRUCache } from 'lru-cache';
import type { EventReader, PageRequest } from '../../ports/event-store.ts';
import { RecentTimelines } from './recent-timelines.ts';
import type { StoredEvent } from './stored-event.ts';

const MAX_CACHED_EVENTS = 6_000;

/** Events by id, read through. Whoever changes a stored event (a redaction, a promotion) calls `replace`. */
export class EventCache {
  readonly #reader: EventReader;
  readonly #recent = new RecentTimelines();
  readonly #events = new LRUCache<EventId, StoredEvent>({ max: MAX_CACHED_EVENTS });

  constructor(reader: EventReader) {
    this.#reader = reader;
  }

  /** Makes an event known, as committed or as it is now. */
  replace(event: StoredEvent): void {
    this.#events.set(event.id, event);
    this.#recent.replace(event);
  }

  /** Makes an event known that was just committed to the top of its room. */
  committed(event: StoredEvent): void {
    this.#events.set(event.id, event);
    this.#recent.add(event);
  }

  /** History was put below the newest events of a room. */
  historyChanged(room: RoomId): void {
    this.#recent.forget(room);
  }

  forget(id: EventId): void {
    this.#events.delete(id);
  }

  peek(id: EventId): StoredEvent | undefined {
    return this.#events.get(id);
  }

  async get(id: EventId): Promise<StoredEvent | undefined> {
    const cached = this.#events.get(id);
    if (cached !== undefined) return cached;
    const [found] = await this.#reader.byIds([id]);
    if (found !== undefined) this.#events.set(id, found);
    return found;
  }

  /** Those of the events that are known, by id. */
  async getAll(ids: Iterable<EventId>): Promise<Map<EventId, StoredEvent>> {
    const events = new Map<EventId, StoredEvent>();
    const missing: EventId[] = [];
    for (const id of ids) {
      const cached = this.#events.get(id);
      if (cached === undefined) missing.push(id);
      else events.set(id, cached);
    }
    for (let at = 0; at < missing.length; at += LOOKUP_BATCH) {
      for (const event of await this.#reader.byIds(missing.slice(at, at + LOOKUP_BATCH))) {
        this.#events.set(event.id, event);
        events.set(event.id, event);
      }
    }
    return events;
  }

  /** A page of a room; its events are cached by id, and a cached newer version of one wins over the stored. */
  async page(request: PageRequest): Promise<StoredEvent[]> {
    const recent = this.#recent.page(request);
    if (recent !== undefined) return recent;
    const found = await this.#reader.page(request);
    const events = found.map((event) => {
      const cached = this.#events.get(event.id);
      if (cached?.pos !== undefined) return cached;
      this.#events.set(event.id, event);
      return event;
    });
    const [newest] = events;
    const isWhole = request.from === undefined || newest?.pos === request.from - 1;
    if (request.direction === 'backward' && isWhole) {
      this.#recent.fill(request.room, events);
    }
    return events;
  }
}

const LOOKUP_BATCH = 1_000;
