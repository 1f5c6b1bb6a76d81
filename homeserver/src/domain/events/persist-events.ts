import type { Pdu } from '@nyx/federation/events/pdu.ts';
import type { RoomVersionRules } from '@nyx/federation/room-versions/rules.ts';
import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { EventAppender } from '../../ports/event-store.ts';
import type { Clock } from '../../ports/clock.ts';
import type { ChainIndex } from './chain-index.ts';
import type { EventEngine } from './event-engine.ts';
import { placeInbound, type InboundEvent } from './place-inbound.ts';
import type { RoomHead } from './room-head.ts';
import { RoomState, type PartialState, type StateChanges, type StateLayer } from './room-state.ts';
import type { StateResolver } from './resolve-states.ts';
import type { StagedEvents } from './staged-events.ts';
import type { EventStanding, StoredEvent } from './stored-event.ts';
import type { Addition } from './room-writers.ts';

export type PersistEventsDeps = {
  readonly engine: EventEngine;
  readonly appender: EventAppender;
  readonly events: StagedEvents;
  readonly resolver: StateResolver;
  readonly chains: ChainIndex;
  readonly clock: Clock;
};

/** Events that were fetched later may fill a gap with this many places per integer position. */
const GAP_STEP = 2 ** -20;

/**
 * Stores events that other servers made (and ours that others had to sign), after they passed the checks of receipt.
 * Works out where they leave the room: extremities, state after a merge, memberships.
 */
export class PersistEvents {
  readonly #deps: PersistEventsDeps;

  constructor(deps: PersistEventsDeps) {
    this.#deps = deps;
  }

  /**
   * The state before an event with these prev_events, resolved if they are forks; undefined if one of them is unknown
   * here, or its state is.
   */
  async stateBefore(
    room: RoomId,
    rules: RoomVersionRules,
    prevEvents: readonly EventId[],
  ): Promise<RoomState | undefined> {
    const { events, engine, resolver } = this.#deps;
    const found = await events.getAll(prevEvents);
    if (found.size < new Set(prevEvents).size) return undefined;
    const ids: string[] = [];
    for (const { stateAfter } of found.values()) {
      if (stateAfter === undefined) return undefined;
      ids.push(stateAfter);
    }
    const states = await engine.states.getAll(ids);
    const { state, layers } = await resolver.resolve(room, rules, [...states.values()]);
    if (layers.length > 0) await engine.storeLayers(layers);
    return state;
  }

  /** Makes a full state, as another server gave it, usable as the state before an event. Its events must be stored. */
  async stateOf(room: RoomId, ids: Iterable<EventId>, partial?: PartialState): Promise<RoomState> {
    const { state, layers } = await this.#deps.resolver.fromEvents(room, ids, partial);
    await this.#deps.engine.storeLayers(layers);
    return state;
  }

  /** A state that differs from another in a few places, stored. */
  async stateWith(state: RoomState, changes: StateChanges, room: RoomId): Promise<RoomState> {
    const next = state.with(changes, this.#deps.resolver.newLayerId(), room);
    await this.#deps.engine.storeLayers([next.layer]);
    return next.state;
  }

  /** Fills a partial state with what was missing. False when that cannot be its whole. */
  async completeState(room: RoomId, layer: StateLayer, ids: Iterable<EventId>): Promise<boolean> {
    const { engine, resolver } = this.#deps;
    const { layers } = await resolver.fromEvents(room, ids);
    const entries = layers[0]?.entries ?? new Map<string, string>();
    for (const [key, value] of layer.entries) if (entries.get(key) !== value) return false;
    await engine.completeLayer({ id: layer.id, room, below: layer.below, entries });
    resolver.forget();
    await engine.heads.get(room);
    return true;
  }

  /** Keeps events whose own place in the room is not known: auth events and states of others. */
  async persistOutliers(rules: RoomVersionRules, pdus: readonly Pdu[]): Promise<void> {
    await this.persistApart(rules, pdus, 'outlier');
  }

  /** Keeps events apart from the timeline, in an order in which auth events come first. */
  async persistApart(
    rules: RoomVersionRules,
    pdus: readonly Pdu[],
    standing: Exclude<EventStanding, 'accepted'>,
    stateBefore?: RoomState,
  ): Promise<void> {
    const { appender, clock, chains, events, engine } = this.#deps;
    const known = await events.getAll(pdus.map((pdu) => pdu.eventId));
    const stored: StoredEvent[] = [];
    for (const pdu of pdus) {
      if (known.get(pdu.eventId)?.standing === 'accepted') continue;
      const authEvents = await events.getAll(pdu.authEvents);
      const event = await placeInbound({
        head: { ...emptyHead(rules, pdu.roomId), pos: -1 },
        inbound: { pdu, standing, ...(stateBefore === undefined ? {} : { stateBefore }) },
        before: stateBefore,
        receivedAt: clock.now(),
        chain: await chains.place(pdu, authEvents, RoomState.empty),
        resolver: this.#deps.resolver,
        events,
        engine,
      });
      events.stage(event.event);
      stored.push(event.event);
      if (event.layers.length > 0) await engine.storeLayers(event.layers);
    }
    await appender.putApart(stored);
    for (const event of stored) engine.events.replace(event);
  }

  /**
   * Adds events to the room's timeline, in the order given (a topological one). Those already there are passed over.
   * Answers the events that are new. Events that are rejected or soft-failed are kept apart.
   *
   * @param options.fresh what is known of the room is out of date (this server was not in it): the events start it
   * anew, and its old extremities and state play no part any more.
   */
  async persist(
    room: RoomId,
    rules: RoomVersionRules,
    inbound: readonly InboundEvent[],
    options: { readonly fresh?: boolean } = {},
  ): Promise<readonly StoredEvent[]> {
    const { engine } = this.#deps;
    const apart = inbound.filter(({ standing = 'accepted' }) => standing !== 'accepted');
    for (const { pdu, standing, stateBefore } of apart) {
      if (standing === undefined || standing === 'accepted') continue;
      const before = stateBefore ?? (await this.stateBefore(room, rules, pdu.prevEvents));
      await this.persistApart(rules, [pdu], standing, before);
    }
    const accepted = inbound.filter(({ standing = 'accepted' }) => standing === 'accepted');
    if (accepted.length === 0) return [];
    return engine.writers.write(room, async (tip) => {
      const start = tip === undefined || options.fresh === true ? emptyHead(rules, room) : tip;
      const added = await this.#place({ ...start, pos: tip?.pos ?? 0 }, accepted);
      return added.events.length === 0 ? { answer: [] } : { add: added, answer: added.events };
    });
  }

  /**
   * Stores events fetched from history (oldest last), below the event at `above` and not below `floor`; they are not
   * part of the stream. Answers how many are new.
   */
  async persistHistory(
    rules: RoomVersionRules,
    above: number,
    floor: number,
    history: readonly InboundEvent[],
  ): Promise<number> {
    const { appender, clock, chains, events, engine, resolver } = this.#deps;
    const known = await events.getAll(history.map(({ pdu }) => pdu.eventId));
    let pos = above;
    const stored: StoredEvent[] = [];
    for (const inbound of history) {
      const { pdu } = inbound;
      if (known.get(pdu.eventId)?.pos !== undefined) continue;
      const step = above > 1 ? GAP_STEP : 1;
      if (pos - step <= floor) break;
      pos -= step;
      const authEvents = await events.getAll(pdu.authEvents);
      const before = inbound.stateBefore ?? (await this.stateBefore(pdu.roomId, rules, pdu.prevEvents));
      const placed = await placeInbound({
        head: { ...emptyHead(rules, pdu.roomId), pos: -1 },
        inbound,
        before,
        receivedAt: clock.now(),
        chain: await chains.place(pdu, authEvents, before ?? RoomState.empty),
        resolver,
        events,
        engine,
      });
      if (placed.layers.length > 0) await engine.storeLayers(placed.layers);
      stored.push({ ...placed.event, pos, extremities: [pdu.eventId] });
    }
    const outcome = await appender.append(stored);
    for (const event of stored.slice(0, outcome.stored)) {
      engine.events.replace(event);
      engine.events.historyChanged(event.room);
    }
    return outcome.stored;
  }

  /** Notes that the history below an event is there now. */
  async closeGap(event: StoredEvent): Promise<void> {
    const { appender, engine } = this.#deps;
    await appender.closeGap(event.id);
    engine.events.replace({ ...event, gapBefore: false });
    engine.events.historyChanged(event.room);
  }

  async #place(tip: RoomHead, inbound: readonly InboundEvent[]): Promise<Addition> {
    const { chains, clock, events, engine, resolver } = this.#deps;
    // Of the stored ones alone: an invite of ours was built, and so staged, before its user's server signed it.
    const known = await engine.events.getAll(inbound.map(({ pdu }) => pdu.eventId));
    const added: StoredEvent[] = [];
    const layers: StateLayer[] = [];
    const states: RoomState[] = [];
    let behind: ReadonlySet<EventId> | undefined;
    const hasFollowers = async (id: EventId): Promise<boolean> => {
      behind ??= await engine.lookups.behindGaps(tip.room);
      return behind.has(id);
    };
    let head = tip;
    for (const each of inbound) {
      const { pdu } = each;
      if (known.get(pdu.eventId)?.pos !== undefined) continue;
      let before = each.stateBefore;
      if (before === undefined) {
        const isLinear =
          pdu.prevEvents.length === head.extremities.length &&
          head.extremities.every((id) => pdu.prevEvents.includes(id));
        before = isLinear ? head.state : await this.stateBefore(head.room, head.rules, pdu.prevEvents);
      }
      const authEvents = await events.getAll(pdu.authEvents);
      const placed = await placeInbound({
        head,
        inbound: each,
        before,
        receivedAt: clock.now(),
        chain: await chains.place(pdu, authEvents, before ?? RoomState.empty),
        resolver,
        events,
        engine,
        hasFollowers,
      });
      engine.states.remember(placed.layers);
      events.stage(placed.event);
      added.push(placed.event);
      layers.push(...placed.layers);
      states.push(placed.head.state);
      head = placed.head;
    }
    return { events: added, layers, states, head };
  }
}

const emptyHead = (rules: RoomVersionRules, room: RoomId): RoomHead => ({
  room,
  rules,
  pos: 0,
  stream: 0,
  depth: 0,
  extremities: [],
  state: RoomState.empty,
});
