import { createEventIdOf } from '../events/event-id.ts';
import type { Pdu } from '../events/pdu.ts';
import type { RoomVersionRules } from '../room-versions/rules.ts';
import { EventType } from '../spec/event-types.ts';
import type { EventId } from '../spec/identifiers/event-id.ts';

/** The events that a resolution may look at. Missing ones are passed over, as the algorithm cannot honour them. */
export interface ResolutionEvents {
  get(eventId: EventId): Pdu | undefined;
  /** Whether the event was rejected when it was received: it then authorises nothing. */
  isRejected(eventId: EventId): boolean;
}

/** The event of a type with empty state key among an event's auth events. */
export function authEventOfType(event: Pdu, type: string, events: ResolutionEvents): Pdu | undefined {
  for (const eventId of event.authEvents) {
    const authEvent = events.get(eventId);
    if (authEvent?.type === type && authEvent.stateKey === '') return authEvent;
  }
  return undefined;
}

/** The create event of an event's room, as its auth events or, from room version 12 on, its room id name it. */
export function createEventOf(
  version: RoomVersionRules,
  event: Pdu,
  events: ResolutionEvents,
): Pdu | undefined {
  if (event.type === EventType.Create) return event;
  if (!version.auth.createImpliedByRoomId) return authEventOfType(event, EventType.Create, events);
  const createId = createEventIdOf(event.roomId);
  return createId === undefined ? undefined : events.get(createId);
}
