import { ownString } from '@nyx/federation/json/value.ts';
import { EventType, type Membership } from '@nyx/federation/spec/event-types.ts';
import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { EventCache } from './event-cache.ts';
import type { LiveRoom } from './room-heads.ts';
import type { RoomState } from './room-state.ts';
import type { RoomStates } from './room-states.ts';
import { membershipOf, type StoredEvent } from './stored-event.ts';

export type HistoryVisibility = 'world_readable' | 'shared' | 'invited' | 'joined';

/** From most to least open. */
const OPENNESS: readonly HistoryVisibility[] = ['world_readable', 'shared', 'invited', 'joined'];

/** What a room without the event, or with an unknown value, has (spec: Client-Server API, room history visibility). */
const DEFAULT_VISIBILITY: HistoryVisibility = 'shared';

/** How far back through a user's own member events is looked for the last time they were joined. */
const MAX_MEMBERSHIP_STEPS = 100;

/** What a user may see of a room. */
export type Viewer = {
  readonly user: string;
  /** Room position up to which the user was joined: infinite while joined, 0 if never. */
  readonly joinedUntil: number;
};

/** The visibility that a `m.room.history_visibility` event sets. */
export function historyVisibilityOf(event: StoredEvent | undefined): HistoryVisibility {
  const value = event && ownString(event.pdu.content, 'history_visibility');
  return OPENNESS.find((each) => each === value) ?? DEFAULT_VISIBILITY;
}

/** The rules of history visibility (spec: Client-Server API, room history visibility, server behaviour). */
export function isVisible(
  visibility: HistoryVisibility,
  membership: Membership | undefined,
  joinedAfter: boolean,
): boolean {
  if (visibility === 'world_readable' || membership === 'join') return true;
  if (visibility === 'shared') return joinedAfter;
  return visibility === 'invited' && membership === 'invite';
}

/** Decides which events a user may see, by the state at each event. */
export class Visibility {
  readonly #states: RoomStates;
  readonly #events: EventCache;

  constructor(states: RoomStates, events: EventCache) {
    this.#states = states;
    this.#events = events;
  }

  /** How a user stands towards a room. */
  async viewer(live: LiveRoom, user: string): Promise<Viewer> {
    const { state } = live.head;
    if (state.membership(user) === 'join') return { user, joinedUntil: Infinity };
    let id = state.get(EventType.Member, user);
    for (let step = 0; step < MAX_MEMBERSHIP_STEPS && id !== undefined; step++) {
      const event: StoredEvent | undefined = await this.#events.get(id);
      if (event?.replaces === undefined) break;
      const before = await this.#events.get(event.replaces);
      if (before !== undefined && membershipOf(before.pdu) === 'join') {
        return { user, joinedUntil: event.pos ?? 0 };
      }
      id = event.replaces;
    }
    return { user, joinedUntil: 0 };
  }

  /** Those of the events that the viewer may see, with the viewer's membership at each. */
  async filter(
    viewer: Viewer,
    events: readonly StoredEvent[],
  ): Promise<{ event: StoredEvent; membership: Membership }[]> {
    const states = await this.#states.getAll(
      events.flatMap((event) => [event.stateBefore ?? '', event.stateAfter ?? '']),
    );
    const visibilities = await this.#visibilities(states.values());
    const visible: { event: StoredEvent; membership: Membership }[] = [];
    for (const event of events) {
      const after = states.get(event.stateAfter ?? '');
      const before = states.get(event.stateBefore ?? '');
      if (after === undefined || before === undefined) continue;
      const membership = this.#membershipAt(viewer.user, event, before, after);
      const visibility = mostOpen(
        visibilityIn(after, visibilities),
        event.pdu.type === EventType.HistoryVisibility && event.replaces !== undefined
          ? visibilityIn(before, visibilities)
          : undefined,
      );
      const joinedAfter = event.pos !== undefined && event.pos <= viewer.joinedUntil;
      if (isVisible(visibility, membership, joinedAfter)) {
        visible.push({ event, membership: after.membership(viewer.user) ?? 'leave' });
      }
    }
    return visible;
  }

  async isVisible(viewer: Viewer, event: StoredEvent): Promise<boolean> {
    return (await this.filter(viewer, [event])).length > 0;
  }

  /** Of the user's own member events both sides count: one sees oneself leave. */
  #membershipAt(
    user: string,
    event: StoredEvent,
    before: RoomState,
    after: RoomState,
  ): Membership | undefined {
    const now = after.membership(user);
    if (event.pdu.type !== EventType.Member || event.pdu.stateKey !== user) return now;
    const was = before.membership(user);
    if (was === 'join' || now === 'join') return 'join';
    return was === 'invite' || now === 'invite' ? 'invite' : now;
  }

  /** The distinct history visibility events of several states, by id. */
  async #visibilities(states: Iterable<RoomState>): Promise<ReadonlyMap<EventId, HistoryVisibility>> {
    const ids = new Set<EventId>();
    for (const state of states) {
      const id = state.get(EventType.HistoryVisibility, '');
      if (id !== undefined) ids.add(id);
    }
    const found = new Map<EventId, HistoryVisibility>();
    for (const [id, event] of await this.#events.getAll(ids)) found.set(id, historyVisibilityOf(event));
    return found;
  }
}

function visibilityIn(state: RoomState, known: ReadonlyMap<EventId, HistoryVisibility>): HistoryVisibility {
  const id = state.get(EventType.HistoryVisibility, '');
  return (id === undefined ? undefined : known.get(id)) ?? DEFAULT_VISIBILITY;
}

const mostOpen = (one: HistoryVisibility, other: HistoryVisibility | undefined): HistoryVisibility =>
  other !== undefined && OPENNESS.indexOf(other) < OPENNESS.indexOf(one) ? other : one;
