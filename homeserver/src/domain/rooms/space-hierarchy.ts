import { isJsonArray, ownValue, type JsonObject } from '@nyx/federation/json/value.ts';
import { EventType } from '@nyx/federation/spec/event-types.ts';
import { isRoomId, type RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import { DomainError } from '../errors.ts';
import type { LiveRoom } from '../events/room-heads.ts';
import type { StoredEvent } from '../events/stored-event.ts';
import type { DescribeRoom } from './describe-room.ts';
import type { RoomReads } from './room-reads.ts';
import type { RoomSummary } from './room-summary.ts';
import { stripped } from './stripped-state.ts';

export type HierarchyRequest = {
  readonly room: RoomId;
  readonly user: string;
  readonly suggestedOnly: boolean;
  readonly maxDepth: number;
  readonly limit: number;
  readonly from: string | undefined;
};

export type HierarchyRoom = { readonly summary: RoomSummary; readonly children: readonly JsonObject[] };

/** Rooms of a space that are walked through at most; paging beyond ends there. */
const MAX_ROOMS = 1_000;
/** Children of one space that are looked at. */
const MAX_CHILDREN = 500;
const SPACE = 'm.space';
/** Longest `order` that counts, and its characters (spec: Client-Server API, ordering of children). */
const ORDER = /^[\x20-\x7e]{1,50}$/;
const TOKEN = /^h(\d{1,6})$/;

/** Walks a space depth first (spec: Client-Server API, GET hierarchy). */
export class SpaceHierarchy {
  readonly #rooms: RoomReads;
  readonly #describe: DescribeRoom;

  constructor(rooms: RoomReads, describe: DescribeRoom) {
    this.#rooms = rooms;
    this.#describe = describe;
  }

  /** Throws `forbidden` for a space that the user may not look into. */
  async walk(request: HierarchyRequest): Promise<{ rooms: HierarchyRoom[]; next: string | undefined }> {
    const { room, user, limit, from, maxDepth } = request;
    const skip = from === undefined ? 0 : Number(TOKEN.exec(from)?.[1] ?? NaN);
    if (Number.isNaN(skip)) throw new DomainError('invalid_param', 'Unknown token');
    const root = await this.#rooms.find(room);
    if (root === undefined || (await this.#describe.accessible(root, user)) === undefined) {
      throw new DomainError('forbidden', 'You may not look into this space');
    }
    const found: HierarchyRoom[] = [];
    const seen = new Set<RoomId>();
    const open: { room: RoomId; depth: number }[] = [{ room, depth: 0 }];
    let place = 0;
    for (let next = open.pop(); next !== undefined && place < MAX_ROOMS; next = open.pop()) {
      if (seen.has(next.room)) continue;
      seen.add(next.room);
      const live = await this.#rooms.find(next.room);
      const described = live === undefined ? undefined : await this.#describe.accessible(live, user);
      if (live === undefined || described === undefined) continue;
      const children = described.summary.roomType === SPACE ? await this.#children(live, request) : [];
      if (place >= skip) {
        if (found.length === limit) return { rooms: found, next: `h${place}` };
        found.push({ summary: described.summary, children: children.map(strippedChild) });
      }
      place++;
      if (next.depth >= maxDepth) continue;
      for (const child of children.toReversed()) {
        const id = child.pdu.stateKey;
        if (isRoomId(id)) open.push({ room: id, depth: next.depth + 1 });
      }
    }
    return { rooms: found, next: undefined };
  }

  /** Valid children in the order that the spec gives them. */
  async #children(live: LiveRoom, { suggestedOnly }: HierarchyRequest): Promise<StoredEvent[]> {
    const ids = [...live.head.state.ofType(EventType.SpaceChild)].slice(0, MAX_CHILDREN).map(([, id]) => id);
    const events = [...(await this.#rooms.engine.events.getAll(ids)).values()];
    return events
      .filter(({ pdu }) => {
        const via = ownValue(pdu.content, 'via');
        const isChild = isJsonArray(via) && via.length > 0 && isRoomId(pdu.stateKey);
        return isChild && (!suggestedOnly || ownValue(pdu.content, 'suggested') === true);
      })
      .sort(compareChildren);
  }
}

const strippedChild = (event: StoredEvent): JsonObject => ({
  ...stripped(event),
  origin_server_ts: event.pdu.originServerTs,
});

const orderOf = ({ pdu }: StoredEvent): string | undefined => {
  const order = ownValue(pdu.content, 'order');
  return typeof order === 'string' && ORDER.test(order) ? order : undefined;
};

/** Those with an order first, by it; then by time, then by room id. */
function compareChildren(a: StoredEvent, b: StoredEvent): number {
  const [left, right] = [orderOf(a), orderOf(b)];
  if (left !== right) {
    if (left === undefined) return 1;
    if (right === undefined) return -1;
    return left < right ? -1 : 1;
  }
  const byTime = a.pdu.originServerTs - b.pdu.originServerTs;
  if (byTime !== 0) return byTime;
  return (a.pdu.stateKey ?? '') < (b.pdu.stateKey ?? '') ? -1 : 1;
}
