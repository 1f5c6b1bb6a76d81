import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { Clock } from '../../ports/clock.ts';
import type { MembershipRow } from '../../ports/event-store.ts';
import type { ConnectionState, SentRoom } from '../../ports/sliding-connections.ts';
import { DomainError } from '../errors.ts';
import type { StateValue } from '../events/room-state.ts';
import { Bell } from '../sync/bell.ts';
import type { ChangedRooms, RoomPlaces } from '../sync/changed-rooms.ts';
import { NO_SYNC_FILTER } from '../sync/sync-filter.ts';
import type { SyncMoments } from '../sync/sync-moments.ts';
import type { RoomLists } from './room-lists.ts';
import type { UserRoomMarks } from './room-marks.ts';
import { combine } from './required-state.ts';
import type { OpenConnection, SlidingConnections } from './sliding-connections.ts';
import type { SlidingExtensions } from './sliding-extensions.ts';
import { formatPos, parsePos } from './sliding-pos.ts';
import type { RoomConfig, SlidingRequest } from './sliding-request.ts';
import { isNews, type RoomResult, type SlidingResponse } from './sliding-response.ts';
import type { RoomAnswer, SlidingRooms } from './sliding-rooms.ts';

const MAX_TIMEOUT_MS = 120_000;
/** Rooms worked on at the same time. */
const CONCURRENCY = 20;

export type SlidingSyncDeps = {
  readonly moments: SyncMoments;
  readonly connections: SlidingConnections;
  readonly lists: RoomLists;
  readonly marks: UserRoomMarks;
  readonly changed: ChangedRooms;
  readonly rooms: SlidingRooms;
};

type Answer = Omit<SlidingResponse, 'pos'> & {
  readonly upTo: number;
  readonly state: ConnectionState;
  readonly members: ReadonlyMap<RoomId, ReadonlyMap<string, StateValue>>;
};

/** Sliding sync (MSC4186), over what /sync is made of. */
export class SlidingSync {
  readonly #deps: SlidingSyncDeps;
  readonly #extensions: SlidingExtensions;
  readonly #clock: Clock;

  constructor(deps: SlidingSyncDeps, extensions: SlidingExtensions, clock: Clock) {
    this.#deps = deps;
    this.#extensions = extensions;
    this.#clock = clock;
  }

  /** Throws `unknown_pos` when the client has to begin anew. */
  async sync(request: SlidingRequest): Promise<SlidingResponse> {
    const { connections, moments } = this.#deps;
    const { user, device, connId, signal } = request;
    const pos = request.pos === undefined ? undefined : parsePos(request.pos);
    const key = { user, device, connId };
    const connection = await connections.open(key, pos?.position);
    connections.confirm(key, request.pos);
    const bell = new Bell();
    using listening = moments.listen(user, device, () => bell.ring());
    const deadline = this.#clock.now() + Math.min(request.timeout, MAX_TIMEOUT_MS);
    let answer;
    for (;;) {
      listening.add(await moments.listenKeys(user));
      bell.reset();
      answer = await this.#answer(request, connection, pos?.stream);
      if (pos === undefined || isNews(answer) || signal.aborted) break;
      const left = deadline - this.#clock.now();
      if (left <= 0 || !(await bell.wait(left, signal))) break;
    }
    const position = await connections.advance(connection, answer.state);
    const next = formatPos(answer.upTo, position);
    connections.sending(key, next, answer.members);
    const { lists, rooms, extensions } = answer;
    return { pos: next, lists, rooms, extensions };
  }

  async #answer(
    request: SlidingRequest,
    connection: OpenConnection,
    from: number | undefined,
  ): Promise<Answer> {
    const { moments, lists, marks } = this.#deps;
    const { user, device } = request;
    const { upTo, rooms: rows } = await moments.now(user, from, request.signal);
    if (from !== undefined && from > upTo) {
      // A database restored from a backup: what the client was told since is not known here.
      throw new DomainError('unknown_pos', 'Unknown position: begin anew without pos');
    }
    const ownMarks = await marks.of(user);
    const ordered = await lists.ordered(rows.values(), connection.state);
    const listing = await lists.list(request.lists, ordered, ownMarks, user);
    const configs = configsOf(request, listing.inRange, ordered);
    const answers = await this.#rooms(request, connection, {
      from,
      upTo,
      rows,
      configs,
      direct: ownMarks.direct,
      inRange: listing.inRange,
    });
    const state = this.#nextState(connection.state, { answers, configs, rows, from });
    const results = new Map<RoomId, RoomResult>();
    const initial = new Map<RoomId, readonly EventId[]>();
    const members = new Map<RoomId, ReadonlyMap<string, StateValue>>();
    for (const [room, { result, timelineIds, members: sent }] of answers) {
      results.set(room, result);
      if (result.membership === 'join' && result.initial) initial.set(room, timelineIds);
      if (sent.size > 0) members.set(room, sent);
    }
    const extensions = await this.#extensions.answer({
      audience: { user, device },
      asked: request.extensions,
      since: from,
      upTo,
      rows,
      known: [...state.keys()].filter((room) => rows.get(room)?.membership === 'join'),
      initial,
    });
    return { lists: listing.lists, rooms: results, extensions, upTo, state, members };
  }

  async #rooms(
    { user, device }: SlidingRequest,
    connection: OpenConnection,
    context: {
      readonly from: number | undefined;
      readonly upTo: number;
      readonly rows: ReadonlyMap<RoomId, MembershipRow>;
      readonly configs: ReadonlyMap<RoomId, RoomConfig>;
      readonly direct: ReadonlySet<string>;
      readonly inRange: ReadonlyMap<RoomId, readonly string[]>;
    },
  ): Promise<ReadonlyMap<RoomId, RoomAnswer>> {
    const { connections, changed, rooms } = this.#deps;
    const { from, upTo, rows, configs, direct, inRange } = context;
    const audience = { user, device };
    const following = [...configs.keys()].flatMap((room) => {
      const row = rows.get(room);
      const sent = connection.state.get(room);
      return row !== undefined && sent !== undefined && sent.through === undefined ? [row] : [];
    });
    const window = {
      audience,
      since: from,
      upTo,
      filter: NO_SYNC_FILTER,
      fullState: false,
      statePlace: 'after' as const,
    };
    const places: ReadonlyMap<RoomId, RoomPlaces> =
      from === undefined ? new Map() : await changed.places(window, following);
    const answers = new Map<RoomId, RoomAnswer>();
    const waiting = [...configs];
    const work = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const [room, config] = next;
        const row = rows.get(room);
        if (row === undefined) continue;
        const sent = connection.state.get(room);
        const answer = await rooms.answer({
          audience,
          row,
          config,
          sent,
          since: from,
          upTo,
          place: sent?.through === undefined ? places.get(room) : undefined,
          isDm: direct.has(room),
          lists: inRange.get(room) ?? [],
          hasMember: (member, value) => connections.hasMember(connection.key, room, member, value),
        });
        if (answer === undefined) continue;
        answers.set(room, answer);
        if (answer.result.initial) connections.forgetMembers(connection.key, room);
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, work));
    // In the order of the request's rooms, whichever was ready first.
    return new Map([...configs.keys()].flatMap((room) => entry(room, answers.get(room))));
  }

  /** The connection after this answer; the same object when nothing of it changed. */
  #nextState(
    before: ConnectionState,
    {
      answers,
      configs,
      rows,
      from,
    }: {
      readonly answers: ReadonlyMap<RoomId, RoomAnswer>;
      readonly configs: ReadonlyMap<RoomId, RoomConfig>;
      readonly rows: ReadonlyMap<RoomId, MembershipRow>;
      readonly from: number | undefined;
    },
  ): ConnectionState {
    const changes = new Map<RoomId, SentRoom | undefined>();
    for (const [room, config] of configs) {
      const sent = before.get(room);
      // A room of which there was nothing to say, ever, is not the client's.
      if (sent === undefined && !answers.has(room)) continue;
      const next: SentRoom = {
        limit: Math.max(config.timelineLimit, sent?.limit ?? 0),
        selectors: JSON.stringify(config.selectors),
        through: undefined,
      };
      if (sent?.limit !== next.limit || sent.selectors !== next.selectors || sent.through !== undefined) {
        changes.set(room, next);
      }
    }
    for (const [room, sent] of before) {
      if (!rows.has(room)) changes.set(room, undefined);
      // Out of every range: the client stays where it was, and is told of the rest when the room comes back.
      else if (!configs.has(room) && sent.through === undefined && from !== undefined) {
        changes.set(room, { ...sent, through: from });
      }
    }
    if (changes.size === 0) return before;
    const state = new Map(before);
    for (const [room, sent] of changes) {
      if (sent === undefined) state.delete(room);
      else state.set(room, sent);
    }
    return state;
  }
}

const entry = (room: RoomId, answer: RoomAnswer | undefined): [RoomId, RoomAnswer][] =>
  answer === undefined ? [] : [[room, answer]];

/** What is wanted of each room that a list or subscription matches. */
function configsOf(
  { lists, subscriptions }: SlidingRequest,
  inRange: ReadonlyMap<RoomId, readonly string[]>,
  ordered: readonly MembershipRow[],
): Map<RoomId, RoomConfig> {
  const configs = new Map<RoomId, RoomConfig>();
  for (const { room } of ordered) {
    const wanted = (inRange.get(room) ?? []).flatMap((name) => lists.get(name)?.config ?? []);
    const subscription = subscriptions.get(room);
    if (subscription !== undefined) wanted.push(subscription);
    if (wanted.length > 0) configs.set(room, combine(wanted));
  }
  return configs;
}
