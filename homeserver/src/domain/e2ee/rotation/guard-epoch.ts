import type { JsonObject } from '@nyx/federation/json/value.ts';
import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import { isEventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import { LRUCache } from 'lru-cache';
import type { Departure, DepartureStore } from '../../../ports/departure-store.ts';
import { DomainError } from '../../errors.ts';
import type { StoredEvent } from '../../events/stored-event.ts';
import type { StatesById } from './find-departures.ts';
import { findDepartures } from './find-departures.ts';

/** Algorithm of messages under a group key of our own. */
const EPOCH_ALGORITHM = 'chat.nyx.epoch.v1';

/** Rooms whose newest departure is kept in memory. */
const MAX_ROOMS = 20_000;

type Newest = Pick<Departure, 'eventId' | 'position'>;

export type EpochGuardDeps = {
  readonly store: Pick<DepartureStore, 'newest'>;
  readonly states: StatesById;
  /** Completes what is noted in the store up to what is committed. */
  readonly catchUp: () => Promise<void>;
  readonly eventById: (id: EventId) => Promise<StoredEvent | undefined>;
};

/** Judges whether a message may be sent under the group key that it names. */
export interface EpochGuard {
  /**
   * The newest departure that the epoch of an encrypted message does not know of; undefined when it is fresh, or the
   * content is nothing of ours.
   */
  staleAfter(room: RoomId, content: JsonObject): Promise<EventId | undefined>;
}

/** The answer to a message under a stale epoch: which departure it must leave out, so that the client makes a new key. */
export const staleEpoch = (departure: EventId): DomainError =>
  new DomainError('stale_epoch', 'Somebody left since this key was made: make a new one', {
    fields: { departure },
  });

/**
 * Refuses messages whose epoch still includes somebody who is known to have left. Help for honest clients, never a
 * security boundary: what a departed member can read is decided by who gets the next key.
 */
export class DepartureGuard implements EpochGuard {
  readonly #deps: EpochGuardDeps;
  readonly #newest = new LRUCache<RoomId, Promise<Newest | undefined>>({ max: MAX_ROOMS });

  constructor(deps: EpochGuardDeps) {
    this.#deps = deps;
  }

  /** Follows commits. */
  follow(events: readonly StoredEvent[]): void {
    for (const event of events) {
      if (event.memberChanges.every(({ membership }) => membership === 'join')) continue;
      const before = this.#newest.get(event.room);
      if (before === undefined) continue;
      const next = this.#after(before, event);
      this.#newest.set(event.room, next);
      next.catch(() => this.#newest.delete(event.room));
    }
  }

  async staleAfter(room: RoomId, content: JsonObject): Promise<EventId | undefined> {
    if (content.algorithm !== EPOCH_ALGORITHM) return undefined;
    const newest = await this.#newestOf(room);
    const { after } = content;
    if (newest === undefined || after === newest.eventId) return undefined;
    if (!isEventId(after)) return newest.eventId;
    const named = await this.#deps.eventById(after);
    // An event that is not known here may be a newer departure, on its way from another server.
    if (named === undefined || (named.stream ?? 0) > newest.position) return undefined;
    return newest.eventId;
  }

  #newestOf(room: RoomId): Promise<Newest | undefined> {
    const held = this.#newest.get(room);
    if (held !== undefined) return held;
    const loading = this.#deps.catchUp().then(() => this.#deps.store.newest(room));
    this.#newest.set(room, loading);
    loading.catch(() => this.#newest.delete(room));
    return loading;
  }

  async #after(before: Promise<Newest | undefined>, event: StoredEvent): Promise<Newest | undefined> {
    const [known, found] = await Promise.all([before, findDepartures(event, this.#deps.states)]);
    const latest = found.at(-1);
    if (latest === undefined || latest.position <= (known?.position ?? 0)) return known;
    return latest;
  }
}
