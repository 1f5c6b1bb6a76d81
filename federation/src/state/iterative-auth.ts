import { authorise } from '../auth/authorise.ts';
import { authPlaces } from '../auth/select-auth-events.ts';
import { lookupInMap } from '../auth/state-lookup.ts';
import { isStatePdu, type Pdu } from '../events/pdu.ts';
import type { RoomVersionRules } from '../room-versions/rules.ts';
import { EventType } from '../spec/event-types.ts';
import type { EventId } from '../spec/identifiers/event-id.ts';
import { createEventOf, type ResolutionEvents } from './events.ts';
import { stateKeyOf, type StateKey } from './state-key.ts';

/**
 * The iterative auth checks: applies each event to the state, in order, if the state allows it, and passes over it if
 * not (spec: room version 2, Definitions). Where the state lacks what the rules need, the event's own auth events fill
 * in, unless rejected. Changes `state`.
 */
export function applyAllowed(
  version: RoomVersionRules,
  sorted: readonly Pdu[],
  state: Map<StateKey, EventId>,
  events: ResolutionEvents,
): void {
  for (const event of sorted) {
    if (!isStatePdu(event)) continue;
    const known = new Map<StateKey, Pdu>();
    for (const eventId of event.authEvents) {
      const authEvent = accepted(eventId, events);
      if (authEvent?.stateKey !== undefined)
        known.set(stateKeyOf(authEvent.type, authEvent.stateKey), authEvent);
    }
    if (version.auth.createImpliedByRoomId && event.type !== EventType.Create) {
      const create = createEventOf(version, event, events);
      if (create) known.set(stateKeyOf(EventType.Create, ''), create);
    }
    for (const [type, stateKey] of authPlaces(version, event)) {
      const key = stateKeyOf(type, stateKey);
      const eventId = state.get(key);
      const current = eventId === undefined ? undefined : accepted(eventId, events);
      if (current) known.set(key, current);
    }
    if (authorise(version, event, lookupInMap(known)).allowed) {
      state.set(stateKeyOf(event.type, event.stateKey), event.eventId);
    }
  }
}

function accepted(eventId: EventId, events: ResolutionEvents): Pdu | undefined {
  return events.isRejected(eventId) ? undefined : events.get(eventId);
}
