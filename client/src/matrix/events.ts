import * as z from 'zod/mini';
import type { BareEvent, Content, RoomEvent } from './types.ts';

/** The latest time that a Date can hold, ms (ECMA-262, "Time Values"). */
const maxTime = 8.64e15;

const content = z.record(z.string(), z.unknown());

const roomEvent = z.looseObject({
  event_id: z.string().check(z.minLength(1), z.maxLength(255)),
  type: z.string().check(z.maxLength(255)),
  sender: z.string().check(z.maxLength(255)),
  origin_server_ts: z.number(),
  content,
  state_key: z.optional(z.string()),
  unsigned: z.optional(content),
  redacts: z.optional(z.string()),
});

const bareEvent = z.looseObject({
  type: z.string(),
  content,
  sender: z.optional(z.string()),
  state_key: z.optional(z.string()),
});

/** An event from outside, or undefined when it has not the shape of one. Keeps only the fields we know. */
export const parseRoomEvent = (value: unknown): RoomEvent | undefined => {
  const parsed = roomEvent.safeParse(value);
  if (!parsed.success) return undefined;
  const { event_id, type, sender, origin_server_ts, state_key, unsigned, redacts } = parsed.data;
  return {
    event_id,
    type,
    sender,
    // Beyond this a Date is none, and whoever formats it would fail.
    origin_server_ts: Math.min(maxTime, Math.max(0, origin_server_ts)),
    content: parsed.data.content,
    ...(state_key === undefined ? {} : { state_key }),
    ...(unsigned === undefined ? {} : { unsigned }),
    ...(redacts === undefined ? {} : { redacts }),
  };
};

export const parseBareEvent = (value: unknown): BareEvent | undefined => {
  const parsed = bareEvent.safeParse(value);
  if (!parsed.success) return undefined;
  const { type, sender, state_key } = parsed.data;
  return {
    type,
    content: parsed.data.content,
    ...(sender === undefined ? {} : { sender }),
    ...(state_key === undefined ? {} : { state_key }),
  };
};

/** The well-formed events of a list that may hold anything, at most `max` of them. */
export const parseEvents = <T>(
  list: readonly unknown[],
  parse: (value: unknown) => T | undefined,
  max: number,
): T[] => {
  const events: T[] = [];
  for (const value of list.slice(-max)) {
    const event = parse(value);
    if (event !== undefined) events.push(event);
  }
  return events;
};

export const stringOf = (value: unknown): string | undefined =>
  typeof value === 'string' ? value : undefined;

export const recordOf = (value: unknown): Content | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Content) : undefined;

export const stringsOf = (value: unknown, max: number): string[] =>
  Array.isArray(value) ? value.slice(0, max).filter((one): one is string => typeof one === 'string') : [];

export type Relation = { type: string; eventId: string; key: string | undefined };

/** `m.relates_to` of an event, when it relates to another one (client-server API, "Forwards compatibility"). */
export const relationOf = (value: Content): Relation | undefined => {
  const relates = recordOf(value['m.relates_to']);
  const type = stringOf(relates?.rel_type);
  const eventId = stringOf(relates?.event_id);
  if (type === undefined || eventId === undefined) return undefined;
  return { type, eventId, key: stringOf(relates?.key) };
};

/** The event a message replies to. A thread fall-back is not a reply (MSC3440). */
export const replyTarget = (value: Content): string | undefined => {
  const relates = recordOf(value['m.relates_to']);
  if (relates?.is_falling_back === true) return undefined;
  return stringOf(recordOf(relates?.['m.in_reply_to'])?.event_id);
};

/** Content keys that survive a redaction, for the types we show (room version 11). */
const kept: Readonly<Record<string, readonly string[]>> = {
  'm.room.member': ['membership'],
  'm.room.create': ['room_version', 'type', 'creator'],
  'm.room.join_rules': ['join_rule'],
  'm.room.power_levels': ['users', 'users_default', 'events', 'events_default', 'state_default'],
  'm.room.history_visibility': ['history_visibility'],
};

/** The event as it stands after a redaction: content gone, and who redacted it. */
export const redactEvent = (event: RoomEvent, redaction: RoomEvent): RoomEvent => {
  const keep = kept[event.type] ?? [];
  return {
    ...event,
    content: Object.fromEntries(Object.entries(event.content).filter(([key]) => keep.includes(key))),
    unsigned: { ...event.unsigned, redacted_because: redaction },
  };
};

export const isRedacted = (event: RoomEvent): boolean => event.unsigned?.redacted_because !== undefined;

/** What a redaction points at: `content.redacts` from room version 11 on, top level before. */
export const redactionTarget = (event: RoomEvent): string | undefined =>
  event.type === 'm.room.redaction' ? (stringOf(event.content.redacts) ?? event.redacts) : undefined;
