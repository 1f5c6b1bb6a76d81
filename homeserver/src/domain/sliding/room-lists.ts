import { ownString, ownValue, type JsonObject } from '@nyx/federation/json/value.ts';
import { EventType } from '@nyx/federation/spec/event-types.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import { LRUCache } from 'lru-cache';
import type { MembershipRow } from '../../ports/event-store.ts';
import type { ConnectionState } from '../../ports/sliding-connections.ts';
import type { RoomReads } from '../rooms/room-reads.ts';
import { joinedBefore } from '../sync/membership-news.ts';
import type { StrippedRooms } from '../sync/stripped-rooms.ts';
import type { RoomMarks } from './room-marks.ts';
import type { ListFilter, ListRequest } from './sliding-request.ts';
import type { ListResult } from './sliding-response.ts';

/** Left rooms of which is remembered whether the user was removed from them after being in. */
const MAX_REMOVALS = 20_000;
const SPACE_CHILD = 'm.space.child';

type RoomFacts = { readonly type: string | null; readonly isEncrypted: boolean };

/** Rooms that lists are made of, and those of them in range. */
export type Listing = {
  readonly lists: ReadonlyMap<string, ListResult>;
  /** Names of the lists that each room is in range of. */
  readonly inRange: ReadonlyMap<RoomId, readonly string[]>;
};

/** Sorts and filters a user's rooms into lists (MSC4186, Lists). */
export class RoomLists {
  readonly #rooms: RoomReads;
  readonly #stripped: StrippedRooms;
  /** By member event: it never changes. */
  readonly #removals = new LRUCache<string, boolean>({ max: MAX_REMOVALS });

  constructor(rooms: RoomReads, stripped: StrippedRooms) {
    this.#rooms = rooms;
    this.#stripped = stripped;
  }

  /**
   * The user's rooms that may be told of on a connection, most recent activity first: those left by oneself only if the
   * client has them, those one was removed from always.
   */
  async ordered(rows: Iterable<MembershipRow>, sent: ConnectionState): Promise<MembershipRow[]> {
    const told: { row: MembershipRow; activity: number }[] = [];
    for (const row of rows) {
      const isOver = row.membership === 'leave' || row.membership === 'ban';
      if (isOver && !sent.has(row.room) && !(await this.#wasRemoved(row))) continue;
      const live = row.membership === 'join' ? await this.#rooms.engine.heads.get(row.room) : undefined;
      told.push({ row, activity: live?.head.stream ?? row.stream });
    }
    return told.sort((a, b) => b.activity - a.activity).map(({ row }) => row);
  }

  async list(
    requests: ReadonlyMap<string, ListRequest>,
    ordered: readonly MembershipRow[],
    marks: RoomMarks,
    user: string,
  ): Promise<Listing> {
    const lists = new Map<string, ListResult>();
    const inRange = new Map<RoomId, string[]>();
    for (const [name, { ranges, filter }] of requests) {
      const passing = await this.#filtered(filter, ordered, marks, user);
      const whole: readonly (readonly [number, number])[] = [[0, Math.max(0, passing.length - 1)]];
      const windows = (ranges ?? whole).map((range) => ({
        range,
        rooms: passing.slice(range[0], range[1] + 1).map(({ room }) => room),
      }));
      lists.set(name, { count: passing.length, windows });
      for (const room of new Set(windows.flatMap(({ rooms }) => rooms))) {
        inRange.set(room, [...(inRange.get(room) ?? []), name]);
      }
    }
    return { lists, inRange };
  }

  async #filtered(
    filter: ListFilter,
    rows: readonly MembershipRow[],
    marks: RoomMarks,
    user: string,
  ): Promise<MembershipRow[]> {
    const children = filter.spaces === undefined ? undefined : await this.#children(filter.spaces, rows);
    const passing: MembershipRow[] = [];
    for (const row of rows) {
      if (this.#passesMarks(filter, row, marks, children) && (await this.#passesFacts(filter, row, user))) {
        passing.push(row);
      }
    }
    return passing;
  }

  /** What a user's own marks and membership tell. */
  #passesMarks(
    { isDm, isInvited, tags, notTags }: ListFilter,
    { room, membership }: MembershipRow,
    marks: RoomMarks,
    children: ReadonlySet<string> | undefined,
  ): boolean {
    if (isDm !== undefined && marks.direct.has(room) !== isDm) return false;
    if (isInvited !== undefined && (membership === 'invite') !== isInvited) return false;
    if (children?.has(room) === false) return false;
    const own = marks.tags.get(room);
    if (tags !== undefined && !tags.some((tag) => own?.has(tag))) return false;
    return notTags?.some((tag) => own?.has(tag)) !== true;
  }

  /** What the room's state tells. */
  async #passesFacts(filter: ListFilter, row: MembershipRow, user: string): Promise<boolean> {
    const { isEncrypted, roomTypes, notRoomTypes } = filter;
    if (isEncrypted === undefined && roomTypes === undefined && notRoomTypes === undefined) return true;
    const facts = await this.#facts(row, user);
    // Of a room nobody here knows anything about, nothing that was asked for is known to be so.
    if (facts === undefined) return false;
    if (isEncrypted !== undefined && facts.isEncrypted !== isEncrypted) return false;
    if (roomTypes !== undefined && !roomTypes.includes(facts.type)) return false;
    return notRoomTypes?.includes(facts.type) !== true;
  }

  async #facts(row: MembershipRow, user: string): Promise<RoomFacts | undefined> {
    if (row.membership === 'invite' || row.membership === 'knock') {
      const state = await this.#stripped.state(user, row);
      if (state === undefined) return undefined;
      const create = state.find(({ type }) => type === EventType.Create);
      return {
        type: create === undefined ? null : (ownString(contentOf(create), 'type') ?? null),
        isEncrypted: state.some(({ type }) => type === EventType.Encryption),
      };
    }
    const live = await this.#rooms.engine.heads.get(row.room);
    if (live === undefined) return undefined;
    return {
      type: ownString(live.createEvent.pdu.content, 'type') ?? null,
      isEncrypted: live.head.state.get(EventType.Encryption, '') !== undefined,
    };
  }

  /** Rooms that those of the spaces which the user is in name as their children. */
  async #children(spaces: readonly string[], rows: readonly MembershipRow[]): Promise<ReadonlySet<string>> {
    const children = new Set<string>();
    for (const { room, membership } of rows) {
      if (membership !== 'join' || !spaces.includes(room)) continue;
      const live = await this.#rooms.engine.heads.get(room);
      if (live === undefined) continue;
      const named = new Map(live.head.state.ofType(SPACE_CHILD));
      const events = await this.#rooms.engine.events.getAll([...named.values()]);
      for (const [child, id] of named) {
        // A child without `via` was taken out of the space.
        const via = events.get(id)?.pdu.content;
        if (via !== undefined && Array.isArray(ownValue(via, 'via'))) children.add(child);
      }
    }
    return children;
  }

  /** Whether somebody else ended a stay in the room. */
  async #wasRemoved(row: MembershipRow): Promise<boolean> {
    const known = this.#removals.get(row.eventId);
    if (known !== undefined) return known;
    const { events } = this.#rooms.engine;
    const event = await events.get(row.eventId);
    const removed =
      event !== undefined &&
      event.pdu.sender !== event.pdu.stateKey &&
      (await joinedBefore(events, row, row.stream));
    this.#removals.set(row.eventId, removed);
    return removed;
  }
}

const contentOf = (event: JsonObject): JsonObject => {
  const content = ownValue(event, 'content');
  return typeof content === 'object' && content !== null && !Array.isArray(content)
    ? (content as JsonObject)
    : {};
};
