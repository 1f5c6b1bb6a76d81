import type { AuthChainIndex } from '@nyx/federation/state/auth-chain.ts';
import type { StateKey, StateMap } from '@nyx/federation/state/state-key.ts';
import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { EventLookups } from '../../ports/event-store.ts';
import { authDifference, reachOf } from './auth-chain.ts';
import type { StagedEvents } from './staged-events.ts';
import type { ChainPlace } from './stored-event.ts';

/** Answers what state resolution asks of auth chains from the index, without walking them. */
export class StoredAuthChains implements AuthChainIndex {
  readonly #room: RoomId;
  readonly #events: StagedEvents;
  readonly #lookups: EventLookups;

  constructor(room: RoomId, events: StagedEvents, lookups: EventLookups) {
    this.#room = room;
    this.#events = events;
    this.#lookups = lookups;
  }

  async difference(
    states: readonly StateMap<EventId>[],
    conflictedKeys: ReadonlySet<StateKey>,
  ): Promise<ReadonlySet<EventId>> {
    // Unconflicted events are in every state, so their chains cannot differ; what they reach is in all of them.
    const [first] = states;
    const shared: EventId[] = [];
    for (const [key, id] of first ?? []) if (!conflictedKeys.has(key)) shared.push(id);
    const own = states.map((state) =>
      [...conflictedKeys].map((key) => state.get(key)).filter((id) => id !== undefined),
    );
    const places = await this.#places([...own.flat(), ...shared]);
    const of = (ids: readonly EventId[]): ChainPlace[] =>
      ids.map((id) => places.get(id)).filter((place) => place !== undefined);
    const common = of(shared);
    const ranges = authDifference(own.map((ids) => [...of(ids), ...common]));
    const segments = await Promise.all(
      ranges.map(({ chain, from, to }) => this.#lookups.chainSegment(this.#room, chain, from, to)),
    );
    return new Set(segments.flat());
  }

  async subgraph(conflicted: ReadonlySet<EventId>): Promise<ReadonlySet<EventId>> {
    // Whatever is reachable from one conflicted event and reaches another lies at or above the lowest conflicted
    // place of some chain: candidates come from the index, and reach decides.
    const places = await this.#places([...conflicted]);
    const top = reachOf(places.values());
    const subgraph = new Set(conflicted);
    const segments = await Promise.all(
      [...top].map(([chain, to]) => this.#lookups.chainSegment(this.#room, chain, 1, to)),
    );
    const candidates = segments.flat().filter((id) => !conflicted.has(id));
    const candidatePlaces = await this.#places(candidates);
    for (const [id, place] of candidatePlaces) {
      for (const target of places.values()) {
        const reached = place.chain === target.chain ? place.seq : (place.reach.get(target.chain) ?? 0);
        if (reached >= target.seq) {
          subgraph.add(id);
          break;
        }
      }
    }
    return subgraph;
  }

  async #places(ids: readonly EventId[]): Promise<ReadonlyMap<EventId, ChainPlace>> {
    const places = new Map<EventId, ChainPlace>();
    const missing: EventId[] = [];
    const staged = this.#events.peekAll(ids);
    for (const id of ids) {
      const place = staged.get(id)?.chain;
      if (place === undefined) missing.push(id);
      else places.set(id, place);
    }
    for (const [id, place] of await this.#lookups.chainPlaces(missing)) places.set(id, place);
    return places;
  }
}
