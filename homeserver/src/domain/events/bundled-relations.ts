import type { JsonObject, JsonValue } from '@nyx/federation/json/value.ts';
import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { UserId } from '@nyx/federation/spec/identifiers/user-id.ts';
import type { Clock } from '../../ports/clock.ts';
import type { RelationLookups } from '../../ports/event-store.ts';
import { clientEvent, type Audience } from './client-event.ts';
import type { RelationHints } from './relation-hints.ts';
import type { StoredEvent } from './stored-event.ts';

/** Edits that are looked through for one that counts. */
const MAX_EDITS = 20;
/** References listed in an aggregation. */
const MAX_REFERENCES = 100;

/** Aggregations that go along with events (spec: Client-Server API, aggregations of child events). */
export class BundledRelations {
  readonly #lookups: RelationLookups;
  readonly #hints: RelationHints;
  readonly #clock: Clock;

  constructor(lookups: RelationLookups, hints: RelationHints, clock: Clock) {
    this.#lookups = lookups;
    this.#hints = hints;
    this.#clock = clock;
  }

  /** `m.relations` of those events that have any. */
  async of(events: readonly StoredEvent[], audience: Audience): Promise<Map<EventId, JsonObject>> {
    const bundles = new Map<EventId, JsonObject>();
    const candidates = events.filter(
      (event) => event.redactedBy === undefined && this.#hints.mayHaveRelations(event.id),
    );
    if (candidates.length === 0) return bundles;
    const byTarget = new Map<EventId, Map<string, number>>();
    for (const { target, relType, count } of await this.#lookups.groups(candidates.map((each) => each.id))) {
      const kinds = byTarget.get(target) ?? new Map<string, number>();
      byTarget.set(target, kinds.set(relType, count));
    }
    await Promise.all(
      candidates.map(async (event) => {
        const kinds = byTarget.get(event.id);
        const bundle = kinds === undefined ? {} : await this.#bundle(event, kinds, audience);
        if (Object.keys(bundle).length > 0) bundles.set(event.id, bundle);
      }),
    );
    return bundles;
  }

  async #bundle(
    event: StoredEvent,
    kinds: ReadonlyMap<string, number>,
    audience: Audience,
  ): Promise<JsonObject> {
    const bundle: Record<string, JsonValue> = {};
    if (kinds.has('m.replace')) {
      const edit = await this.#newestEdit(event);
      if (edit !== undefined) bundle['m.replace'] = this.#shown(edit, audience);
    }
    const replies = kinds.get('m.thread');
    if (replies !== undefined) {
      const thread = await this.#thread(event, replies, audience);
      if (thread !== undefined) bundle['m.thread'] = thread;
    }
    if (kinds.has('m.reference')) {
      const { room, id: target } = event;
      const references = await this.#lookups.relating({
        room,
        target,
        relType: 'm.reference',
        direction: 'forward',
        limit: MAX_REFERENCES,
      });
      bundle['m.reference'] = { chunk: references.map(({ id }) => ({ event_id: id })) };
    }
    return bundle;
  }

  /** The newest valid replacement (spec: Client-Server API, validity of replacement events). */
  async #newestEdit(event: StoredEvent): Promise<StoredEvent | undefined> {
    if (event.pdu.stateKey !== undefined) return undefined;
    const edits = await this.#lookups.relating({
      room: event.room,
      target: event.id,
      relType: 'm.replace',
      sender: event.pdu.sender,
      direction: 'backward',
      limit: MAX_EDITS,
    });
    return edits.find(
      ({ pdu }) =>
        pdu.type === event.pdu.type &&
        pdu.stateKey === undefined &&
        (pdu.type === 'm.room.encrypted' || pdu.content['m.new_content'] !== undefined),
    );
  }

  async #thread(root: StoredEvent, count: number, audience: Audience): Promise<JsonObject | undefined> {
    const find = (sender?: UserId): Promise<StoredEvent[]> =>
      this.#lookups.relating({
        room: root.room,
        target: root.id,
        relType: 'm.thread',
        sender,
        direction: 'backward',
        limit: 1,
      });
    const [[newest], [own]] = await Promise.all([find(), find(audience.user)]);
    if (newest === undefined) return undefined;
    const edit = await this.#newestEdit(newest);
    const relations = edit === undefined ? undefined : { 'm.replace': this.#shown(edit, audience) };
    return {
      count,
      current_user_participated: own !== undefined || root.pdu.sender === audience.user,
      latest_event: this.#shown(newest, audience, relations),
    };
  }

  #shown(event: StoredEvent, audience: Audience, relations?: JsonObject): JsonObject {
    return clientEvent(event, { now: this.#clock.now(), audience, withRoomId: true, relations });
  }
}
