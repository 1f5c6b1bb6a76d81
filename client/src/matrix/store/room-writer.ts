import {
  isRedacted,
  redactEvent,
  redactionTarget,
  relationOf,
  stringOf,
  stringsOf,
  recordOf,
} from '../events.ts';
import { limits } from '../limits.ts';
import { nyxGroupAlgorithm } from '../types.ts';
import type { BareEvent, RoomEvent, RoomRecord } from '../types.ts';
import type { StoredEvent, WriteTx } from './db.ts';

/** Longest shown, without control characters and direction overrides that would reorder the page around it. */
export const cleanName = (value: unknown, max: number = limits.name): string =>
  (stringOf(value) ?? '')
    .replace(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, ' ')
    .trim()
    .slice(0, max);

const messageLike = new Set([
  'm.room.message',
  'm.room.encrypted',
  'm.sticker',
  'm.poll.start',
  'org.matrix.msc3381.poll.start',
]);

/** Event types that count as news in the room list. */
export const isMessageLike = (event: RoomEvent): boolean =>
  messageLike.has(event.type) &&
  event.state_key === undefined &&
  relationOf(event.content)?.type !== 'm.replace';

/** A room's record after one state event. Pure; unknown types change nothing. */
export const applyState = (room: RoomRecord, event: BareEvent, ownUserId: string): RoomRecord => {
  const { content } = event;
  switch (event.type) {
    case 'm.room.name':
      return { ...room, name: cleanName(content.name) };
    case 'm.room.topic':
      return { ...room, topic: cleanName(content.topic, limits.topic) };
    case 'm.room.avatar':
      return { ...room, avatar: stringOf(content.url) };
    case 'm.room.canonical_alias':
      return { ...room, alias: cleanName(content.alias, 255) };
    case 'm.room.encryption':
      // Once encrypted, always encrypted: later events of this type never take the room back to clear.
      return {
        ...room,
        encryption: content.algorithm === nyxGroupAlgorithm || room.encryption === 'nyx' ? 'nyx' : 'foreign',
      };
    case 'm.room.create':
      return {
        ...room,
        roomType: stringOf(content.type),
        roomVersion: stringOf(content.room_version) ?? '1',
      };
    case 'm.room.join_rules':
      return { ...room, isPublic: content.join_rule === 'public' };
    case 'm.room.pinned_events':
      return { ...room, pinned: stringsOf(content.pinned, limits.pinned) };
    case 'm.room.member':
      if (event.state_key === ownUserId && content.membership === 'invite') {
        return {
          ...room,
          inviter: event.sender,
          directUser: content.is_direct === true ? event.sender : room.directUser,
        };
      }
      return room;
    default:
      return room;
  }
};

/** Writes one state event and answers the room after it. */
export const writeState = async (
  tx: WriteTx,
  room: RoomRecord,
  event: RoomEvent | BareEvent,
  ownUserId: string,
): Promise<RoomRecord> => {
  if (event.state_key === undefined) return room;
  await tx.objectStore('state').put({ r: room.roomId, t: event.type, k: event.state_key, ev: event });
  return applyState(room, event, ownUserId);
};

export const storedEvent = (
  roomId: string,
  segment: number,
  index: number,
  event: RoomEvent,
): StoredEvent => {
  const rel = relationOf(event.content)?.eventId;
  return {
    r: roomId,
    s: segment,
    i: index,
    id: event.event_id,
    ...(rel === undefined ? {} : { rel }),
    ev: event,
  };
};

/** Blanks the stored target of a redaction; answers it as it now stands when we hold it. */
export const writeRedaction = async (
  tx: WriteTx,
  roomId: string,
  redaction: RoomEvent,
): Promise<RoomEvent | undefined> => {
  const target = redactionTarget(redaction);
  if (target === undefined) return undefined;
  const events = tx.objectStore('events');
  const row = await events.index('byId').get([roomId, target]);
  if (row === undefined || isRedacted(row.ev)) return undefined;
  const ev = redactEvent(row.ev, redaction);
  await events.put({ ...row, ev });
  return ev;
};

/** Appends one live event unless it is stored already; answers the room and whether the event was new. */
export const appendEvent = async (
  tx: WriteTx,
  room: RoomRecord,
  event: RoomEvent,
): Promise<{ room: RoomRecord; fresh: boolean }> => {
  const events = tx.objectStore('events');
  if ((await events.index('byId').getKey([room.roomId, event.event_id])) !== undefined) {
    return { room, fresh: false };
  }
  await events.put(storedEvent(room.roomId, room.segment, room.nextIndex, event));
  const next: RoomRecord = { ...room, nextIndex: room.nextIndex + 1 };
  if (isMessageLike(event)) {
    next.lastEvent = event;
    next.lastTs = event.origin_server_ts;
  }
  return { room: next, fresh: true };
};

/** Starts a new segment: events are missing between the last stored one and what follows. */
export const openSegment = async (
  tx: WriteTx,
  room: RoomRecord,
  prevToken: string | undefined,
): Promise<RoomRecord> => {
  const segment = room.nextIndex === 0 && room.segment === 0 ? 0 : room.segment + 1;
  await tx.objectStore('segments').put({
    r: room.roomId,
    s: segment,
    prev: prevToken === undefined ? { kind: 'unknown' } : { kind: 'token', token: prevToken },
    first: 0,
  });
  return { ...room, segment, nextIndex: 0 };
};

/** Who is in m.direct, as room id -> user id. */
export const directRooms = (content: BareEvent['content']): Map<string, string> => {
  const rooms = new Map<string, string>();
  for (const [userId, list] of Object.entries(content)) {
    for (const roomId of stringsOf(list, 1_000)) rooms.set(roomId, userId);
  }
  return rooms;
};

export const tagsOf = (content: BareEvent['content']): Record<string, number | null> => {
  const tags: Record<string, number | null> = {};
  for (const [tag, value] of Object.entries(recordOf(content.tags) ?? {}).slice(0, 50)) {
    const order = recordOf(value)?.order;
    tags[tag] = typeof order === 'number' ? order : null;
  }
  return tags;
};
