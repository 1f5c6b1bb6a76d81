import { resolveStored } from '@nyx/federation/state/resolve-stored.ts';
import { stateKeyOf, type StateMap } from '@nyx/federation/state/state-key.ts';
import type { RoomVersionRules } from '@nyx/federation/room-versions/rules.ts';
import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import { LRUCache } from 'lru-cache';
import type { EventLookups } from '../../ports/event-store.ts';
import type { Random } from '../../ports/random.ts';
import { StoredAuthChains } from './stored-auth-chains.ts';
import { newLayerId } from './layer-id.ts';
import {
  eventIdOf,
  RoomState,
  splitStateKey,
  stateDifference,
  stateKey,
  stateValue,
  type PartialState,
  type StateLayer,
  type StateValue,
} from './room-state.ts';
import type { StagedEvents } from './staged-events.ts';
import { membershipOf } from './stored-event.ts';

const MAX_CACHED_RESOLUTIONS = 2_000;

/** A state, and the layers that have to be stored before anything refers to it. */
export type ResolvedState = { readonly state: RoomState; readonly layers: readonly StateLayer[] };

/** Resolves forks (spec: room versions, state resolution), with the auth-chain index instead of walks. */
export class StateResolver {
  readonly #events: StagedEvents;
  readonly #lookups: EventLookups;
  readonly #random: Random;
  readonly #resolved = new LRUCache<string, ResolvedState>({ max: MAX_CACHED_RESOLUTIONS });

  constructor(events: StagedEvents, lookups: EventLookups, random: Random) {
    this.#events = events;
    this.#lookups = lookups;
    this.#random = random;
  }

  /** The one state that several forks amount to. */
  async resolve(room: RoomId, rules: RoomVersionRules, forks: readonly RoomState[]): Promise<ResolvedState> {
    const distinct = [...new Map(forks.map((fork) => [fork.id, fork])).values()];
    const [first = RoomState.empty] = distinct;
    if (distinct.length < 2) return { state: first, layers: [] };
    const key = distinct
      .map((fork) => fork.id)
      .sort()
      .join(' ');
    const cached = this.#resolved.get(key);
    if (cached !== undefined) return cached;
    const outcome = await this.#resolve(room, rules, distinct);
    this.#resolved.set(key, outcome);
    return outcome;
  }

  /** Forgets outcomes that were worked out while members were missing. */
  forget(): void {
    this.#resolved.clear();
  }

  /** An id for a layer of the caller's own making. */
  newLayerId(): string {
    return newLayerId(this.#random);
  }

  /** A state given in full (from another server), as layers. */
  async fromEvents(room: RoomId, ids: Iterable<EventId>, partial?: PartialState): Promise<ResolvedState> {
    const entries = new Map<string, StateValue>();
    for (const { id, pdu } of (await this.#events.getAll(ids)).values()) {
      if (pdu.stateKey === undefined) continue;
      entries.set(stateKey(pdu.type, pdu.stateKey), stateValue(id, membershipOf(pdu)));
    }
    const { state, layer } = RoomState.empty.with(entries, newLayerId(this.#random), room, partial);
    return { state, layers: [layer] };
  }

  async #resolve(room: RoomId, rules: RoomVersionRules, forks: readonly RoomState[]): Promise<ResolvedState> {
    const source = {
      events: async (ids: readonly EventId[]) => {
        const found = await this.#events.getAll(ids);
        return new Map(
          [...found].map(([id, event]) => [id, { pdu: event.pdu, rejected: event.standing === 'rejected' }]),
        );
      },
    };
    const chains = new StoredAuthChains(room, this.#events, this.#lookups);
    const resolved = await resolveStored(rules, forks.map(toStateMap), source, chains);
    return this.#asState(room, forks, resolved);
  }

  /** Expressed as a difference to the fork that is nearest to it. */
  async #asState(
    room: RoomId,
    forks: readonly RoomState[],
    resolved: StateMap<EventId>,
  ): Promise<ResolvedState> {
    const values = new Map<string, StateValue>();
    const unknown: EventId[] = [];
    const byId = new Map<EventId, StateValue>();
    for (const fork of forks) for (const [, value] of fork.entries()) byId.set(eventIdOf(value), value);
    for (const id of resolved.values()) if (!byId.has(id)) unknown.push(id);
    for (const [id, event] of await this.#events.getAll(unknown)) {
      byId.set(id, stateValue(id, membershipOf(event.pdu)));
    }
    for (const [key, id] of resolved) values.set(key, byId.get(id) ?? id);
    const whole = new RoomState([{ id: '', room, below: [], entries: values }]);
    let best: Map<string, StateValue> | undefined;
    let base = RoomState.empty;
    for (const fork of forks) {
      const changes = fullDifference(fork, whole);
      if (best === undefined || changes.size < best.size) {
        best = changes;
        base = fork;
      }
    }
    if (best === undefined || best.size === 0) return { state: base, layers: [] };
    const { state, layer } = base.with(best, newLayerId(this.#random), room);
    return { state, layers: [layer] };
  }
}

/** What has to change, for states that share no layers. */
function fullDifference(from: RoomState, to: RoomState): Map<string, StateValue> {
  return stateDifference(new RoomState(from.layers), to);
}

/** The map that the library resolves. */
function toStateMap(state: RoomState): StateMap<EventId> {
  const map = new Map<ReturnType<typeof stateKeyOf>, EventId>();
  for (const [key, value] of state.entries()) {
    const [type, stateKeyText] = splitStateKey(key);
    map.set(stateKeyOf(type, stateKeyText), eventIdOf(value));
  }
  return map;
}
