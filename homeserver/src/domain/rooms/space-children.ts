import { isJsonArray, ownObject, ownString, ownValue, type JsonObject } from '@nyx/federation/json/value.ts';
import { EventType } from '@nyx/federation/spec/event-types.ts';
import { isRoomId, type RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import { isServerName, type ServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import type { StoredEvent } from '../events/stored-event.ts';
import type { LiveRoom } from '../events/room-heads.ts';
import type { RoomReads } from './room-reads.ts';
import { stripped } from './stripped-state.ts';

/** A room that a space names as its child. */
export type SpaceChild = {
  readonly room: RoomId;
  readonly via: readonly ServerName[];
  /** The `m.space.child` event, stripped, with `origin_server_ts`. */
  readonly event: JsonObject;
};

/** Children of one space that are looked at. */
const MAX_CHILDREN = 500;
/** Servers of one child that may be asked. */
const MAX_VIA = 10;
/** Longest `order` that counts, and its characters (spec: Client-Server API, ordering of children). */
const ORDER = /^[\x20-\x7e]{1,50}$/;

/** The events by which a room of this server names its children, as other servers and clients get them. */
export async function childEvents(rooms: RoomReads, live: LiveRoom): Promise<JsonObject[]> {
  const ids = [...live.head.state.ofType(EventType.SpaceChild)].slice(0, MAX_CHILDREN).map(([, id]) => id);
  return [...(await rooms.engine.events.getAll(ids)).values()].map(strippedChild);
}

/** Valid children in the order that the spec gives them (Client-Server API, Ordering of children within a space). */
export function childrenIn(events: readonly JsonObject[], suggestedOnly: boolean): SpaceChild[] {
  return events
    .slice(0, MAX_CHILDREN)
    .flatMap((event): SpaceChild[] => {
      const content = ownObject(event, 'content') ?? {};
      const room = ownValue(event, 'state_key');
      const via = ownValue(content, 'via');
      if (ownString(event, 'type') !== EventType.SpaceChild) return [];
      if (!isRoomId(room) || !isJsonArray(via) || via.length === 0) return [];
      if (suggestedOnly && ownValue(content, 'suggested') !== true) return [];
      return [{ room, via: via.slice(0, MAX_VIA).filter(isServerName), event }];
    })
    .sort(compareChildren);
}

const strippedChild = (event: StoredEvent): JsonObject => ({
  ...stripped(event),
  origin_server_ts: event.pdu.originServerTs,
});

const orderOf = ({ event }: SpaceChild): string | undefined => {
  const order = ownValue(ownObject(event, 'content') ?? {}, 'order');
  return typeof order === 'string' && ORDER.test(order) ? order : undefined;
};

const timeOf = ({ event }: SpaceChild): number => {
  const time = ownValue(event, 'origin_server_ts');
  return typeof time === 'number' ? time : 0;
};

/** Those with an order first, by it; then by time, then by room id. */
function compareChildren(a: SpaceChild, b: SpaceChild): number {
  const [left, right] = [orderOf(a), orderOf(b)];
  if (left !== right) {
    if (left === undefined) return 1;
    if (right === undefined) return -1;
    return left < right ? -1 : 1;
  }
  const byTime = timeOf(a) - timeOf(b);
  if (byTime !== 0) return byTime;
  return a.room < b.room ? -1 : 1;
}
