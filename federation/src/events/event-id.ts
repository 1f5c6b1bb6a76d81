import { ownString, type JsonObject } from '../json/value.ts';
import type { RoomVersionRules } from '../room-versions/rules.ts';
import { isEventIdOf, type EventId } from '../spec/identifiers/event-id.ts';
import { isRoomId, type RoomId } from '../spec/identifiers/room-id.ts';
import { EventFormatError } from './errors.ts';
import { sha256Base64, sha256Base64Url, signedInput } from './hash.ts';

/** The event id of an event: read from it in room versions 1 and 2, its reference hash later. Throws {@link EventFormatError}. */
export function eventIdOf(rules: RoomVersionRules, event: JsonObject): EventId {
  return eventIdFrom(rules, event, rules.eventIdFormat === 'domain' ? '' : signedInput(rules, event));
}

/** {@link eventIdOf} for callers that have the signed text at hand, and need not build it twice. */
export function eventIdFrom(rules: RoomVersionRules, event: JsonObject, signed: string): EventId {
  const id = claimedOrHashed(rules, event, signed);
  if (!isEventIdOf(rules.eventIdFormat, id)) throw new EventFormatError('event_id');
  return id;
}

function claimedOrHashed(rules: RoomVersionRules, event: JsonObject, signed: string): string | undefined {
  switch (rules.eventIdFormat) {
    case 'domain':
      return ownString(event, 'event_id');
    case 'hash-base64':
      return '$' + sha256Base64(signed);
    case 'hash-urlsafe':
      return '$' + sha256Base64Url(signed);
  }
}

/** The id of a room of version 12 on: its create event's id with "!" (spec: room version 12, Event format). */
export function roomIdOfCreate(createEventId: EventId): RoomId {
  const id = '!' + createEventId.slice(1);
  if (!isRoomId(id)) throw new EventFormatError('room_id');
  return id;
}

/** The create event's id that a room id of version 12 on stands for. */
export function createEventIdOf(roomId: RoomId): EventId | undefined {
  const id = '$' + roomId.slice(1);
  return isEventIdOf('hash-urlsafe', id) ? id : undefined;
}
