import type { StoredEvent } from '../events/stored-event.ts';

/** A room event filter (spec: Client-Server API, RoomEventFilter), read. */
export type EventFilter = {
  readonly limit: number | undefined;
  readonly types: readonly string[] | undefined;
  readonly notTypes: readonly string[];
  readonly senders: readonly string[] | undefined;
  readonly notSenders: readonly string[];
  readonly rooms: readonly string[] | undefined;
  readonly notRooms: readonly string[];
  readonly containsUrl: boolean | undefined;
  readonly lazyLoadMembers: boolean;
  readonly includeRedundantMembers: boolean;
  readonly unreadThreadNotifications: boolean;
  readonly relatedByRelTypes: readonly string[] | undefined;
  readonly relatedBySenders: readonly string[] | undefined;
};

export const NO_FILTER: EventFilter = {
  limit: undefined,
  types: undefined,
  notTypes: [],
  senders: undefined,
  notSenders: [],
  rooms: undefined,
  notRooms: [],
  containsUrl: undefined,
  lazyLoadMembers: false,
  includeRedundantMembers: false,
  unreadThreadNotifications: false,
  relatedByRelTypes: undefined,
  relatedBySenders: undefined,
};

/** Whether a type passes; `*` in a filter stands for any characters. */
export function typePasses(filter: Pick<EventFilter, 'types' | 'notTypes'>, type: string): boolean {
  if (filter.notTypes.some((pattern) => matches(pattern, type))) return false;
  return filter.types === undefined || filter.types.some((pattern) => matches(pattern, type));
}

/** Whether an event of this sender and type passes, apart from its content. */
export function senderPasses(filter: Pick<EventFilter, 'senders' | 'notSenders'>, sender: string): boolean {
  if (filter.notSenders.includes(sender)) return false;
  return filter.senders === undefined || filter.senders.includes(sender);
}

/** Whether a filter lets a room through: it is named, or none is, and it is not excluded. */
export function roomPasses(filter: Pick<EventFilter, 'rooms' | 'notRooms'>, room: string): boolean {
  if (filter.notRooms.includes(room)) return false;
  return filter.rooms === undefined || filter.rooms.includes(room);
}

/** Whether an event passes everything but the related_by conditions, which need look-ups. */
export function eventPasses(filter: EventFilter, event: StoredEvent): boolean {
  if (filter === NO_FILTER) return true;
  const { pdu, room } = event;
  if (!typePasses(filter, pdu.type) || !senderPasses(filter, pdu.sender)) return false;
  if (!roomPasses(filter, room)) return false;
  if (filter.containsUrl === undefined) return true;
  return (typeof pdu.content.url === 'string') === filter.containsUrl;
}

/** Whether the filter lets everything through. */
export const passesAll = (filter: EventFilter): boolean =>
  filter.types === undefined &&
  filter.notTypes.length === 0 &&
  filter.senders === undefined &&
  filter.notSenders.length === 0 &&
  filter.containsUrl === undefined &&
  filter.rooms === undefined &&
  filter.notRooms.length === 0 &&
  filter.relatedByRelTypes === undefined &&
  filter.relatedBySenders === undefined;

function matches(pattern: string, text: string): boolean {
  if (!pattern.includes('*')) return pattern === text;
  const parts = pattern.split('*');
  const first = parts[0] ?? '';
  const last = parts.at(-1) ?? '';
  if (!text.startsWith(first) || !text.endsWith(last)) return false;
  if (text.length < first.length + last.length) return false;
  let at = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at);
    if (found < 0 || found + part.length > text.length - last.length) return false;
    at = found + part.length;
  }
  return true;
}
