import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import { LRUCache } from 'lru-cache';
import { relationOf, type StoredEvent } from './stored-event.ts';

const MAX_HINTS = 50_000;

/**
 * Which recent events certainly have no relations: those whose commit was seen here, until something that relates to
 * them is. Spares most timelines a look-up.
 */
export class RelationHints {
  readonly #related = new LRUCache<EventId, boolean>({ max: MAX_HINTS });

  follow(events: readonly StoredEvent[]): void {
    for (const event of events) {
      this.#related.set(event.id, false);
      const relation = relationOf(event.pdu);
      if (relation !== undefined) this.#related.set(relation.target, true);
    }
  }

  mayHaveRelations(id: EventId): boolean {
    return this.#related.get(id) ?? true;
  }
}
