import type { JsonObject } from '@nyx/federation/json/value.ts';
import { redactEvent } from '@nyx/federation/json/redact.ts';
import { RULES } from '@nyx/federation/room-versions/rules.ts';
import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { ServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import { DomainError } from '../errors.ts';
import type { RoomState } from '../events/room-state.ts';
import type { StoredEvent } from '../events/stored-event.ts';
import type { RoomReads } from '../rooms/room-reads.ts';
import { authIdsOf } from './admit-events.ts';
import type { RoomAccess } from './room-access.ts';

/** Most events of one answer to backfill and get_missing_events. */
const MAX_EVENTS = 100;
/** Most events that a walk through auth chains visits: far beyond the largest rooms' chains. */
const MAX_AUTH_CHAIN = 500_000;

/** A state and what authorises it. */
export type ServedState = {
  readonly state: readonly StoredEvent[];
  readonly authChain: readonly StoredEvent[];
};

/** Gives events to other servers, as far as their users may see them. */
export class ServeEvents {
  readonly #rooms: RoomReads;
  readonly #access: RoomAccess;

  constructor(rooms: RoomReads, access: RoomAccess) {
    this.#rooms = rooms;
    this.#access = access;
  }

  /** Throws `not_found` for an event that the server may not see at all. */
  async event(origin: ServerName, id: EventId): Promise<JsonObject> {
    const event = await this.#rooms.engine.events.get(id);
    if (event === undefined || event.standing === 'rejected')
      throw new DomainError('not_found', 'Unknown event');
    await this.#access.shared(event.room, origin);
    const [json] = await this.#visible(origin, [event]);
    if (json === undefined) throw new DomainError('not_found', 'Unknown event');
    return json;
  }

  /** The state before an event and its auth chain. */
  async stateAt(origin: ServerName, room: RoomId, id: EventId): Promise<ServedState> {
    await this.#access.shared(room, origin);
    const event = await this.#inRoom(room, id);
    if (event.stateBefore === undefined) throw new DomainError('not_found', 'The state there is not known');
    const state = await this.#rooms.engine.states.get(event.stateBefore);
    return this.withAuthChain(state);
  }

  /** A state as events, with everything in its auth chains. */
  async withAuthChain(state: RoomState): Promise<ServedState> {
    const events = await this.#rooms.engine.events.getAll(state.eventIds());
    return { state: [...events.values()], authChain: await this.authChain([...events.values()]) };
  }

  /** The auth chain of an event. */
  async eventAuth(origin: ServerName, room: RoomId, id: EventId): Promise<readonly StoredEvent[]> {
    await this.#access.shared(room, origin);
    return this.authChain([await this.#inRoom(room, id)]);
  }

  /** Everything that authorises some events, directly or not; these only where another rests on them. */
  async authChain(from: readonly StoredEvent[]): Promise<readonly StoredEvent[]> {
    const chain = new Map<EventId, StoredEvent>();
    let frontier: readonly StoredEvent[] = from;
    while (frontier.length > 0 && chain.size < MAX_AUTH_CHAIN) {
      const ids = new Set(
        frontier.flatMap(({ pdu, version }) => authIdsOf(RULES[version], pdu)).filter((id) => !chain.has(id)),
      );
      const found = await this.#rooms.engine.events.getAll(ids);
      for (const [id, event] of found) chain.set(id, event);
      frontier = [...found.values()];
    }
    return [...chain.values()];
  }

  /** Events before the given ones, these included, newest first (spec: Backfilling). */
  async backfill(
    origin: ServerName,
    room: RoomId,
    from: readonly EventId[],
    limit: number,
  ): Promise<readonly JsonObject[]> {
    await this.#access.shared(room, origin);
    const events = await this.#walk(room, from, Math.min(limit, MAX_EVENTS), new Set());
    return this.#visible(origin, events);
  }

  /** Events between two sets, oldest first (spec: Retrieving missing events). */
  async missing(
    origin: ServerName,
    room: RoomId,
    request: {
      readonly earliest: readonly EventId[];
      readonly latest: readonly EventId[];
      readonly limit: number;
    },
  ): Promise<readonly JsonObject[]> {
    await this.#access.shared(room, origin);
    const latest = await this.#rooms.engine.events.getAll(request.latest);
    const start = [...latest.values()].flatMap(({ pdu }) => pdu.prevEvents);
    const stop = new Set(request.earliest);
    const events = await this.#walk(room, start, Math.min(request.limit, MAX_EVENTS), stop);
    return this.#visible(origin, events.toReversed());
  }

  /** Walks back along prev_events, breadth first. */
  async #walk(
    room: RoomId,
    from: readonly EventId[],
    limit: number,
    stop: ReadonlySet<EventId>,
  ): Promise<StoredEvent[]> {
    const seen = new Set<EventId>();
    const walked: StoredEvent[] = [];
    let frontier = [...new Set(from)].filter((id) => !stop.has(id));
    while (frontier.length > 0 && walked.length < limit) {
      const found = await this.#rooms.engine.events.getAll(frontier);
      const next = new Set<EventId>();
      const layer = [...found.values()].sort((left, right) => right.pdu.depth - left.pdu.depth);
      for (const event of layer) {
        if (seen.has(event.id) || event.room !== room || walked.length >= limit) continue;
        seen.add(event.id);
        if (event.standing === 'accepted' || event.standing === 'soft-failed') walked.push(event);
        for (const id of event.pdu.prevEvents) if (!seen.has(id) && !stop.has(id)) next.add(id);
      }
      frontier = [...next];
    }
    return walked;
  }

  async #inRoom(room: RoomId, id: EventId): Promise<StoredEvent> {
    const event = await this.#rooms.engine.events.get(id);
    if (event?.room !== room) throw new DomainError('not_found', 'Unknown event');
    return event;
  }

  /**
   * Events as a server may have them: redacted where the history visibility at the event keeps its users out (spec:
   * Client-Server API, Room History Visibility; state is never hidden).
   */
  async #visible(origin: ServerName, events: readonly StoredEvent[]): Promise<JsonObject[]> {
    const result: JsonObject[] = [];
    for (const event of events) {
      const isOpen = event.pdu.stateKey !== undefined || (await this.#maySee(origin, event));
      result.push(isOpen ? event.pdu.json : redactEvent(RULES[event.version], event.pdu.json));
    }
    return result;
  }

  async #maySee(origin: ServerName, event: StoredEvent): Promise<boolean> {
    if (event.stateBefore === undefined) return false;
    const state = await this.#rooms.engine.states.get(event.stateBefore);
    const visibility =
      (await this.#rooms.stateText(state, 'm.room.history_visibility', 'history_visibility')) ?? 'shared';
    if (visibility === 'world_readable' || visibility === 'shared') return true;
    const suffix = `:${origin}`;
    for (const [user, membership] of state.members()) {
      if (!user.endsWith(suffix)) continue;
      if (membership === 'join' || (visibility === 'invited' && membership === 'invite')) return true;
    }
    return false;
  }
}
