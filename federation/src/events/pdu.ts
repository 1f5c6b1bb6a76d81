import { isJsonArray, isJsonObject, ownObject, ownString, ownValue, RawNumber } from '../json/value.ts';
import type { JsonArray, JsonObject, JsonValue } from '../json/value.ts';
import type { RoomVersionRules } from '../room-versions/rules.ts';
import { EventType } from '../spec/event-types.ts';
import { isEventId, isEventIdOf, type EventId } from '../spec/identifiers/event-id.ts';
import { fitsInBytes } from '../spec/identifiers/length.ts';
import { isRoomIdOf, type RoomId } from '../spec/identifiers/room-id.ts';
import { isUserId, type UserId } from '../spec/identifiers/user-id.ts';
import { MAX_AUTH_EVENTS, MAX_EVENT_FIELD_BYTES, MAX_PDU_BYTES, MAX_PREV_EVENTS } from '../spec/limits.ts';
import { EventFormatError, type EventField } from './errors.ts';
import { eventIdFrom, roomIdOfCreate } from './event-id.ts';
import { encodeEvent } from './hash.ts';
import { isSurelyLarger } from './size.ts';

/** An event of a room, read. The wire form with every unknown field is in `json`; the rest are views of it. */
export type Pdu = {
  readonly eventId: EventId;
  /** Of the room; for a create event of room version 12 derived from its event id. */
  readonly roomId: RoomId;
  readonly type: string;
  readonly sender: UserId;
  /** Undefined for a message event. */
  readonly stateKey: string | undefined;
  readonly content: JsonObject;
  readonly prevEvents: readonly EventId[];
  readonly authEvents: readonly EventId[];
  /** Milliseconds since 1970, as its sender claims. Orders nothing but ties in state resolution. */
  readonly originServerTs: number;
  /** Nearest double of the depth: exact from room version 6 on. */
  readonly depth: number;
  /** The event that a redaction names, wherever its room version puts it. */
  readonly redacts: string | undefined;
  readonly json: JsonObject;
};

/** An event that is part of a room's state. */
export type StatePdu = Pdu & { readonly stateKey: string };

/** Whether an event is a state event. */
export function isStatePdu(pdu: Pdu): pdu is StatePdu {
  return pdu.stateKey !== undefined;
}

/**
 * Reads an event from outside: format and size of its room version, then its event id. Signatures and hashes are the
 * receipt pipeline's concern. Throws {@link EventFormatError}, or `JsonError` for numbers the version forbids.
 */
export function parsePdu(rules: RoomVersionRules, json: JsonObject): Pdu {
  checkPduFormat(rules, json);
  const { signed, isLargerThan } = encodeEvent(rules, json);
  if (isLargerThan(MAX_PDU_BYTES)) throw new EventFormatError('size', `over ${MAX_PDU_BYTES} bytes`);
  return readPdu(rules, json, eventIdFrom(rules, json, signed));
}

/**
 * Views an event whose id is known: one of ours, or one that was checked before it was stored. Checks only what the
 * types promise. Throws {@link EventFormatError}.
 */
export function readPdu(rules: RoomVersionRules, json: JsonObject, eventId: EventId): Pdu {
  const type = requireString(json, 'type');
  const sender = ownValue(json, 'sender');
  if (!isUserId(sender)) throw new EventFormatError('sender');
  const content = ownObject(json, 'content');
  if (!content) throw new EventFormatError('content');
  return {
    eventId,
    roomId: roomIdOf(rules, json, type, eventId),
    type,
    sender,
    stateKey: optionalString(json, 'state_key'),
    content,
    prevEvents: readReferences(rules, json, 'prev_events', MAX_PREV_EVENTS),
    authEvents: readReferences(rules, json, 'auth_events', MAX_AUTH_EVENTS),
    originServerTs: requireInteger(rules, json, 'origin_server_ts'),
    depth: requireInteger(rules, json, 'depth'),
    redacts: redactsOf(rules, json, type),
    json,
  };
}

/** Checks what {@link readPdu} takes on trust: lengths, depth, hashes and signatures, and that the size is not absurd. Throws {@link EventFormatError}. */
export function checkPduFormat(rules: RoomVersionRules, json: JsonObject): void {
  checkCount(json, 'prev_events', MAX_PREV_EVENTS);
  checkCount(json, 'auth_events', MAX_AUTH_EVENTS);
  if (isSurelyLarger(json, MAX_PDU_BYTES)) throw new EventFormatError('size', `over ${MAX_PDU_BYTES} bytes`);
  if (!fitsInBytes(requireString(json, 'type'), MAX_EVENT_FIELD_BYTES))
    throw new EventFormatError('type', 'too long');
  const stateKey = optionalString(json, 'state_key');
  if (stateKey !== undefined && !fitsInBytes(stateKey, MAX_EVENT_FIELD_BYTES)) {
    throw new EventFormatError('state_key', 'too long');
  }
  if (requireInteger(rules, json, 'depth') < 0) throw new EventFormatError('depth', 'negative');
  if (rules.eventIdFormat === 'domain' && !isEventIdOf('domain', ownValue(json, 'event_id'))) {
    throw new EventFormatError('event_id');
  }
  const hashes = ownObject(json, 'hashes');
  if (!hashes || ownString(hashes, 'sha256') === undefined) throw new EventFormatError('hashes');
  if (!ownObject(json, 'signatures')) throw new EventFormatError('signatures');
}

/** The room an event says it belongs to, before anything else is known of it: it decides the rules to read it by. */
export function claimedRoomId(json: JsonObject): string | undefined {
  return ownString(json, 'room_id');
}

function roomIdOf(rules: RoomVersionRules, json: JsonObject, type: string, eventId: EventId): RoomId {
  const roomId = ownValue(json, 'room_id');
  // Rule 1.2 of version 12 rejects a create event that has a room id; whatever it says, its id is its hash.
  if (rules.auth.createImpliedByRoomId && type === EventType.Create && ownValue(json, 'state_key') === '') {
    return roomIdOfCreate(eventId);
  }
  if (!isRoomIdOf(rules.roomIdFormat, roomId)) throw new EventFormatError('room_id');
  return roomId;
}

function redactsOf(rules: RoomVersionRules, json: JsonObject, type: string): string | undefined {
  if (type !== EventType.Redaction) return undefined;
  if (rules.redaction.redactsKey === 'top-level') return ownString(json, 'redacts');
  const content = ownObject(json, 'content');
  return content && ownString(content, 'redacts');
}

function readReferences(
  rules: RoomVersionRules,
  json: JsonObject,
  field: EventField,
  most: number,
): EventId[] {
  return checkCount(json, field, most).map((entry) => readReference(rules, entry, field));
}

function checkCount(json: JsonObject, field: EventField, most: number): JsonArray {
  const list = ownValue(json, field);
  if (!isJsonArray(list)) throw new EventFormatError(field);
  if (list.length > most) throw new EventFormatError(field, `more than ${most} entries`);
  return list;
}

function readReference(rules: RoomVersionRules, entry: JsonValue, field: EventField): EventId {
  if (rules.eventReferences === 'pairs') {
    const id = isJsonArray(entry) && entry.length === 2 && isJsonObject(entry[1]) ? entry[0] : undefined;
    if (!isEventId(id)) throw new EventFormatError(field);
    return id;
  }
  if (!isEventIdOf(rules.eventIdFormat, entry)) throw new EventFormatError(field);
  return entry;
}

function requireString(json: JsonObject, field: EventField): string {
  const value = ownString(json, field);
  if (value === undefined) throw new EventFormatError(field);
  return value;
}

function optionalString(json: JsonObject, field: EventField): string | undefined {
  const value = ownValue(json, field);
  if (value === undefined || typeof value === 'string') return value;
  throw new EventFormatError(field);
}

/** An integer; room versions that allow them may go to 2^63-1 (spec: room version 1, Event format). */
function requireInteger(rules: RoomVersionRules, json: JsonObject, field: EventField): number {
  const value = ownValue(json, field);
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
  if (rules.numbers === 'lenient' && value instanceof RawNumber && /^-?\d{1,19}$/.test(value.literal)) {
    const exact = BigInt(value.literal);
    if (exact >= -(2n ** 63n) && exact < 2n ** 63n) return value.value;
  }
  throw new EventFormatError(field);
}
