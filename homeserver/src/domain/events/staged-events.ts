import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import { LRUCache } from 'lru-cache';
import type { EventCache } from './event-cache.ts';
import type { StoredEvent } from './stored-event.ts';

/** Events built but not committed yet: a bound far above what can be under way at a time. */
const MAX_STAGED = 1_000;

/** Events that later ones are built on: those on their way to the store, and the stored. */
export class StagedEvents {
  readonly #cache: EventCache;
  readonly #staged = new LRUCache<EventId, StoredEvent>({ max: MAX_STAGED });

  constructor(cache: EventCache) {
    this.#cache = cache;
  }

  /** Makes an event known to the builders of the next ones; readers do not see it. */
  stage(event: StoredEvent): void {
    this.#staged.set(event.id, event);
  }

  /** Those that are in memory. */
  peekAll(ids: Iterable<EventId>): Map<EventId, StoredEvent> {
    const found = new Map<EventId, StoredEvent>();
    for (const id of ids) {
      const event = this.#cache.peek(id) ?? this.#staged.get(id);
      if (event !== undefined) found.set(id, event);
    }
    return found;
  }

  async getAll(ids: Iterable<EventId>): Promise<Map<EventId, StoredEvent>> {
    const found = new Map<EventId, StoredEvent>();
    const rest: EventId[] = [];
    for (const id of ids) {
      const event = this.#cache.peek(id) ?? this.#staged.get(id);
      if (event === undefined) rest.push(id);
      else found.set(id, event);
    }
    if (rest.length > 0) for (const [id, event] of await this.#cache.getAll(rest)) found.set(id, event);
    return found;
  }

  async get(id: EventId): Promise<StoredEvent | undefined> {
    return (await this.getAll([id])).get(id);
  }
}
