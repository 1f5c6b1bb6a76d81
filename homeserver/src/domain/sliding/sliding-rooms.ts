import { ownString } from '@nyx/federation/json/value.ts';
import { EventType } from '@nyx/federation/spec/event-types.ts';
import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { MembershipRow } from '../../ports/event-store.ts';
import type { SentRoom } from '../../ports/sliding-connections.ts';
import type { UnreadSource } from '../../ports/sync-sources.ts';
import type { Audience } from '../events/client-event.ts';
import type { PresentEvents } from '../events/present-events.ts';
import type { LiveRoom } from '../events/room-heads.ts';
import {
  eventIdOf,
  RoomState,
  splitStateKey,
  stateDifference,
  stateKey,
  type StateValue,
} from '../events/room-state.ts';
import type { Visibility } from '../events/visibility.ts';
import { NO_FILTER } from '../rooms/event-filter.ts';
import type { RoomReads } from '../rooms/room-reads.ts';
import { placeToken } from '../rooms/tokens.ts';
import { membershipAt } from '../sync/membership-news.ts';
import { stateAt } from '../sync/state-section.ts';
import type { StrippedRooms } from '../sync/stripped-rooms.ts';
import { heroes } from '../sync/summary-section.ts';
import { NO_SYNC_FILTER } from '../sync/sync-filter.ts';
import type { TimelineSlice, TimelineSlices } from '../sync/timeline-section.ts';
import type { BumpStamps } from './bump-stamps.ts';
import { isLazy, parseSelectors, selectsAny, selectState } from './required-state.ts';
import type { RoomConfig } from './sliding-request.ts';
import type { Hero, RoomResult, SlidingTimeline } from './sliding-response.ts';

export type SlidingRoomsDeps = {
  readonly rooms: RoomReads;
  readonly visibility: Visibility;
  readonly slices: TimelineSlices;
  readonly present: PresentEvents;
  readonly stripped: StrippedRooms;
  readonly unread: UnreadSource;
  readonly bumps: BumpStamps;
};

export type RoomQuestion = {
  readonly audience: Audience;
  readonly row: MembershipRow;
  readonly config: RoomConfig;
  readonly sent: SentRoom | undefined;
  /** Position of the connection; undefined at its beginning. */
  readonly since: number | undefined;
  readonly upTo: number;
  /** Where a room that follows the connection has news; undefined when that is not known. */
  readonly place: { readonly from: number; readonly to: number } | undefined;
  readonly isDm: boolean;
  readonly lists: readonly string[];
  /** Whether the client has this member event already. */
  hasMember(member: string, value: StateValue): boolean;
};

export type RoomAnswer = {
  readonly result: RoomResult;
  /** Member events sent because of the timeline. */
  readonly members: ReadonlyMap<string, StateValue>;
  readonly timelineIds: readonly EventId[];
};

/** Where in a room an answer begins and ends, and how. */
type Stretch = {
  readonly live: LiveRoom;
  readonly initial: boolean;
  readonly from: number;
  readonly to: number;
  readonly slice: TimelineSlice | undefined;
  readonly expanded: boolean;
  readonly before: RoomState;
  readonly after: RoomState;
};

/** Puts together what sliding sync says of a room (MSC4186, Room results). */
export class SlidingRooms {
  readonly #deps: SlidingRoomsDeps;

  constructor(deps: SlidingRoomsDeps) {
    this.#deps = deps;
  }

  /** Undefined when there is nothing new to say. */
  async answer(question: RoomQuestion): Promise<RoomAnswer | undefined> {
    const { row, sent, since } = question;
    const told = sent === undefined ? undefined : (sent.through ?? since);
    if (row.membership === 'invite' || row.membership === 'knock') {
      return told !== undefined && row.stream <= told ? undefined : this.#stripped(question);
    }
    const isOver = row.membership !== 'join';
    if (isOver && told !== undefined && row.stream <= told) return undefined;
    const stretch = await this.#stretch(question, told);
    if (stretch === undefined) return undefined;
    const { initial, slice, expanded } = stretch;
    const changes = initial ? new Map<string, StateValue>() : stateDifference(stretch.before, stretch.after);
    const wanted = this.#wanted(question, stretch, changes);
    const members = this.#lazyMembers(question, stretch, changes, wanted);
    const hasTimeline = (slice?.events.length ?? 0) > 0;
    const changed = hasTimeline || expanded || isOver || wanted.size > 0 || members.size > 0;
    if (!initial && !changed && ![...changes.keys()].some(isShown)) return undefined;
    const result = await this.#result(question, stretch, changes, new Map([...wanted, ...asState(members)]));
    return { result, members, timelineIds: slice?.events.map(({ event }) => event.id) ?? [] };
  }

  async #stripped(question: RoomQuestion): Promise<RoomAnswer | undefined> {
    const { audience, row, isDm, lists } = question;
    const state = await this.#deps.stripped.state(audience.user, row);
    if (state === undefined) return undefined;
    const result: RoomResult = {
      ...NOTHING,
      membership: row.membership,
      initial: true,
      bumpStamp: row.stream,
      isDm,
      strippedState: state,
      lists,
    };
    return { result, members: new Map(), timelineIds: [] };
  }

  async #stretch(question: RoomQuestion, told: number | undefined): Promise<Stretch | undefined> {
    const { rooms, visibility, slices } = this.#deps;
    const { audience, row, config, sent, upTo } = question;
    const { engine } = rooms;
    const live = await rooms.find(row.room);
    if (live === undefined) return undefined;
    const isBack =
      told !== undefined &&
      row.membership === 'join' &&
      (await membershipAt(engine.events, row, told)) !== 'join';
    const initial = told === undefined || isBack;
    const expanded = !initial && sent !== undefined && sent.limit < config.timelineLimit;
    const isAsBefore = sent?.selectors === JSON.stringify(config.selectors);
    const { head } = live;
    if (!initial && !expanded && isAsBefore && head.stream <= told) return undefined;
    const { place } = question;
    const end =
      place?.to ?? (head.stream <= upTo ? head.pos : await engine.reader.positionAt(row.room, upTo));
    const start = initial
      ? 0
      : (place?.from ?? (head.stream <= told ? end : await engine.reader.positionAt(row.room, told)));
    const viewer = await visibility.viewer(live, audience.user);
    const to = Math.min(end, viewer.joinedUntil);
    const from = Math.min(start, to);
    const limit = config.timelineLimit;
    const window = {
      audience,
      since: told,
      upTo,
      filter: { ...NO_SYNC_FILTER, timeline: { ...NO_FILTER, limit } },
      fullState: false,
      statePlace: 'after' as const,
    };
    const slice = limit === 0 ? undefined : await slices.slice(live, viewer, window, expanded ? 0 : from, to);
    const [before, after] = await Promise.all([
      initial ? RoomState.empty : stateAt(engine.events, engine.states, row.room, from),
      stateAt(engine.events, engine.states, row.room, to),
    ]);
    return { live, initial, from, to, slice, expanded, before, after };
  }

  /** State to be sent whatever the timeline holds: all that is asked for, or what changed of it and what is asked for anew. */
  #wanted(
    { config, sent, row, audience }: RoomQuestion,
    { initial, after }: Stretch,
    changes: ReadonlyMap<string, StateValue>,
  ): Map<string, StateValue> {
    if (initial) return selectState(after, config.selectors);
    const wanted = new Map<string, StateValue>();
    for (const [name, value] of changes) {
      const [type, key] = splitStateKey(name);
      if (selectsAny(config.selectors, type, key)) wanted.set(name, value);
    }
    if (sent !== undefined && sent.selectors !== JSON.stringify(config.selectors)) {
      const old = parseSelectors(sent.selectors);
      for (const [name, value] of selectState(after, config.selectors)) {
        const [type, key] = splitStateKey(name);
        if (!selectsAny(old, type, key)) wanted.set(name, value);
      }
    }
    // Whoever is out is told so.
    const own = stateKey(EventType.Member, audience.user);
    if (row.membership !== 'join' && !wanted.has(own)) {
      const value = after.value(own);
      if (value !== undefined) wanted.set(own, value);
    }
    return wanted;
  }

  /** Members that the timeline needs, and those that changed where the client has all of it (MSC4186, lazy members). */
  #lazyMembers(
    { config, hasMember }: RoomQuestion,
    { slice, after, initial }: Stretch,
    changes: ReadonlyMap<string, StateValue>,
    wanted: ReadonlyMap<string, StateValue>,
  ): Map<string, StateValue> {
    const members = new Map<string, StateValue>();
    if (!isLazy(config.selectors)) return members;
    const needed = new Set<string>();
    for (const { event } of slice?.events ?? []) {
      needed.add(event.pdu.sender);
      if (event.pdu.type === EventType.Member && event.pdu.stateKey !== undefined)
        needed.add(event.pdu.stateKey);
    }
    if (!initial && slice?.limited === false) {
      for (const name of changes.keys()) {
        const [type, key] = splitStateKey(name);
        if (type === EventType.Member) needed.add(key);
      }
    }
    for (const member of needed) {
      const name = stateKey(EventType.Member, member);
      const value = after.value(name);
      if (value === undefined || value === '' || wanted.has(name)) continue;
      if (initial || !hasMember(member, value)) members.set(member, value);
    }
    return members;
  }

  async #result(
    question: RoomQuestion,
    stretch: Stretch,
    changes: ReadonlyMap<string, StateValue>,
    state: ReadonlyMap<string, StateValue>,
  ): Promise<RoomResult> {
    const { rooms, present, unread, bumps } = this.#deps;
    const { audience, row, isDm, lists } = question;
    const { live, initial, after, slice, to } = stretch;
    const isJoined = row.membership === 'join';
    const has = (type: string): boolean => initial || changes.has(stateKey(type, ''));
    const membersChanged =
      initial || [...changes.keys()].some((name) => splitStateKey(name)[0] === EventType.Member);
    const title = await rooms.stateText(after, EventType.Name, 'name');
    const name = has(EventType.Name) ? title : undefined;
    const avatar = has(EventType.Avatar) ? await rooms.stateText(after, EventType.Avatar, 'url') : undefined;
    const needsHeroes = isJoined && (title ?? '') === '' && (membersChanged || has(EventType.Name));
    const ids = [...state.values()].filter((value) => value !== '').map(eventIdOf);
    const options = { audience, withRoomId: false };
    const events = await rooms.engine.events.getAll(ids);
    const [requiredState, timeline, counts, bumpStamp, named] = await Promise.all([
      present.present(
        [...events.values()].map((event) => ({ event })),
        { ...options, withRelations: false },
      ),
      slice === undefined ? undefined : this.#timeline(question, stretch, slice),
      isJoined ? unread.counts(audience.user, row.room) : undefined,
      isJoined ? bumps.at(row.room, to) : undefined,
      needsHeroes ? this.#heroes(live, audience.user) : undefined,
    ]);
    return {
      membership: row.membership,
      initial,
      bumpStamp: bumpStamp ?? row.stream,
      isDm,
      name: initial ? name : has(EventType.Name) ? (name ?? null) : undefined,
      avatar: initial ? avatar : has(EventType.Avatar) ? (avatar ?? null) : undefined,
      heroes: named,
      requiredState,
      removedState: [...state].flatMap(([key, value]) => (value === '' ? [splitStateKey(key)] : [])),
      timeline,
      joined: isJoined && membersChanged ? live.tally.joined : undefined,
      invited: isJoined && membersChanged ? live.tally.invited : undefined,
      unread: counts?.main,
      strippedState: undefined,
      lists,
    };
  }

  async #timeline(
    { audience, since }: RoomQuestion,
    { expanded }: Stretch,
    slice: TimelineSlice,
  ): Promise<SlidingTimeline> {
    const events = await this.#deps.present.present(slice.events, {
      audience,
      withRoomId: false,
      withRelations: true,
    });
    const live =
      since === undefined ? 0 : slice.events.filter(({ event }) => (event.stream ?? 0) > since).length;
    return { events, limited: slice.limited, prevBatch: placeToken(slice.before), live, expanded };
  }

  async #heroes(live: LiveRoom, user: string): Promise<Hero[]> {
    const { rooms } = this.#deps;
    return Promise.all(
      heroes(live, user).map(async (member) => {
        const event = await rooms.stateEvent(live.head.state, EventType.Member, member);
        return {
          userId: member,
          displayName: event && ownString(event.pdu.content, 'displayname'),
          avatarUrl: event && ownString(event.pdu.content, 'avatar_url'),
        };
      }),
    );
  }
}

const NOTHING: Omit<RoomResult, 'membership' | 'initial' | 'isDm' | 'lists'> = {
  bumpStamp: undefined,
  name: undefined,
  avatar: undefined,
  heroes: undefined,
  requiredState: [],
  removedState: [],
  timeline: undefined,
  joined: undefined,
  invited: undefined,
  unread: undefined,
  strippedState: undefined,
};

const asState = (members: ReadonlyMap<string, StateValue>): [string, StateValue][] =>
  [...members].map(([member, value]) => [stateKey(EventType.Member, member), value]);

/** Whether a change of state shows in the answer although nobody asked for that state. */
const isShown = (name: string): boolean => {
  const [type, key] = splitStateKey(name);
  return type === EventType.Member || ((type === EventType.Name || type === EventType.Avatar) && key === '');
};
