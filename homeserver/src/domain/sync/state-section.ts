import type { RoomStates } from '../events/room-states.ts';
import {
  eventIdOf,
  RoomState,
  stateDifference,
  stateKey,
  stateValue,
  type StateValue,
} from '../events/room-state.ts';
import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { EventCache } from '../events/event-cache.ts';
import { membershipOf, type StoredEvent } from '../events/stored-event.ts';
import { eventPasses } from '../rooms/event-filter.ts';
import type { LazyMembers } from './lazy-members.ts';
import type { SyncWindow } from './sync-window.ts';
import type { TimelineSlice } from './timeline-section.ts';

export type StateRequest = {
  readonly window: SyncWindow;
  readonly room: string;
  readonly slice: TimelineSlice;
  /** The client knows nothing of the room, or wants to start over. */
  readonly fresh: boolean;
};

/** Works out which state events a sync has to tell. */
export class StateSections {
  readonly #events: EventCache;
  readonly #states: RoomStates;
  readonly #lazy: LazyMembers;

  constructor(events: EventCache, states: RoomStates, lazy: LazyMembers) {
    this.#events = events;
    this.#states = states;
    this.#lazy = lazy;
  }

  async section(request: StateRequest): Promise<StoredEvent[]> {
    const { window, room, slice, fresh } = request;
    const { statePlace, filter, audience } = window;
    if (!fresh && (await this.#isPlain(slice, request))) {
      if (!filter.state.lazyLoadMembers && statePlace === 'before') return [];
    }
    const known = fresh ? RoomState.empty : await this.#stateAt(room, slice.from);
    const after = await this.#stateAt(room, slice.to);
    const [first] = slice.events;
    const start =
      statePlace === 'after' ? after : first === undefined ? after : await this.#before(first.event);
    const changes = stateDifference(known, start);
    if (statePlace === 'before') await this.#addUnexplained(changes, start, after, slice);
    if (filter.state.lazyLoadMembers) {
      this.#lazy.apply(changes, {
        device: `${audience.user} ${audience.device ?? ''}`,
        room,
        user: audience.user,
        timeline: slice.events.map((each) => each.event),
        state: statePlace === 'after' ? after : start,
        redundant: filter.state.includeRedundantMembers,
        fresh,
      });
    }
    const ids: EventId[] = [];
    for (const value of changes.values()) if (value !== '') ids.push(eventIdOf(value));
    const events = await this.#events.getAll(ids);
    return [...events.values()].filter((event) => eventPasses(filter.state, event));
  }

  /** Whether nothing but the timeline itself changed the state, and the timeline has it all. */
  async #isPlain(slice: TimelineSlice, { room }: StateRequest): Promise<boolean> {
    if (slice.limited || slice.events.length !== slice.to - slice.from) return false;
    let previous: string | undefined;
    for (const { event } of slice.events) {
      if (event.roomState !== event.stateAfter) return false;
      if (previous !== undefined && event.stateBefore !== previous) return false;
      previous = event.roomState;
    }
    const [first] = slice.events;
    return (
      first === undefined ||
      slice.from === 0 ||
      first.event.stateBefore === (await this.#stateAt(room, slice.from)).id
    );
  }

  /**
   * Where forks were merged, the state changed in ways that no timeline event tells: what would be missing after the
   * client has applied the timeline goes into the state section.
   */
  async #addUnexplained(
    changes: Map<string, StateValue>,
    start: RoomState,
    after: RoomState,
    slice: TimelineSlice,
  ): Promise<void> {
    const told = new Map<string, StateValue>();
    for (const { event } of slice.events) {
      const { pdu } = event;
      if (pdu.stateKey !== undefined) {
        told.set(stateKey(pdu.type, pdu.stateKey), stateValue(event.id, membershipOf(pdu)));
      }
    }
    for (const [key, value] of stateDifference(start, after)) {
      if (told.get(key) !== value && value !== '') changes.set(key, value);
    }
  }

  #stateAt(room: string, pos: number): Promise<RoomState> {
    return stateAt(this.#events, this.#states, room as StoredEvent['room'], pos);
  }

  async #before(event: StoredEvent): Promise<RoomState> {
    return event.stateBefore === undefined ? RoomState.empty : this.#states.get(event.stateBefore);
  }
}

/** Current state of the room once the event at a position was committed. */
export async function stateAt(
  events: EventCache,
  states: RoomStates,
  room: StoredEvent['room'],
  pos: number,
): Promise<RoomState> {
  if (pos <= 0) return RoomState.empty;
  const [event] = await events.page({ room, direction: 'backward', from: pos + 1, limit: 1 });
  return event?.roomState === undefined ? RoomState.empty : states.get(event.roomState);
}
