import type { JsonObject } from '@nyx/federation/json/value.ts';
import type { Membership } from '@nyx/federation/spec/event-types.ts';
import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { Clock } from '../../ports/clock.ts';
import type { BundledRelations } from './bundled-relations.ts';
import { clientEvent, type Audience } from './client-event.ts';
import type { EventCache } from './event-cache.ts';
import type { StoredEvent } from './stored-event.ts';

export type Shown = { readonly event: StoredEvent; readonly membership?: Membership | undefined };

export type PresentOptions = {
  readonly audience: Audience;
  readonly withRoomId: boolean;
  /** Aggregations are for timelines, not for state. */
  readonly withRelations: boolean;
};

/** Puts events into the form clients get, with everything that has to be looked up for it, in few look-ups. */
export class PresentEvents {
  readonly #events: EventCache;
  readonly #relations: BundledRelations;
  readonly #clock: Clock;

  constructor(events: EventCache, relations: BundledRelations, clock: Clock) {
    this.#events = events;
    this.#relations = relations;
    this.#clock = clock;
  }

  async present(shown: readonly Shown[], options: PresentOptions): Promise<JsonObject[]> {
    const { audience, withRoomId, withRelations } = options;
    const ids: EventId[] = [];
    for (const { event } of shown) {
      if (event.replaces !== undefined) ids.push(event.replaces);
      if (event.redactedBy !== undefined) ids.push(event.redactedBy);
    }
    const [others, relations] = await Promise.all([
      ids.length === 0 ? NOTHING : this.#events.getAll(ids),
      withRelations
        ? this.#relations.of(
            shown.map(({ event }) => event),
            audience,
          )
        : undefined,
    ]);
    const now = this.#clock.now();
    return shown.map(({ event, membership }) =>
      clientEvent(event, {
        now,
        audience,
        withRoomId,
        membership,
        replaced: event.replaces === undefined ? undefined : others.get(event.replaces),
        redaction: event.redactedBy === undefined ? undefined : others.get(event.redactedBy),
        relations: relations?.get(event.id),
      }),
    );
  }

  /** One event, without aggregations when it is asked for as state. */
  async presentOne(shown: Shown, options: PresentOptions): Promise<JsonObject> {
    const [only] = await this.present([shown], options);
    if (only === undefined) throw new Error('an event that cannot be presented');
    return only;
  }
}

const NOTHING: ReadonlyMap<EventId, StoredEvent> = new Map();
