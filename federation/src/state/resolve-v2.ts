import { membershipOf } from '../auth/state-lookup.ts';
import type { Pdu } from '../events/pdu.ts';
import type { RoomVersionRules } from '../room-versions/rules.ts';
import { EventType } from '../spec/event-types.ts';
import type { EventId } from '../spec/identifiers/event-id.ts';
import type { ResolutionEvents } from './events.ts';
import { applyAllowed } from './iterative-auth.ts';
import { sortByMainline } from './mainline.ts';
import { sortByPower } from './power-order.ts';
import { stateKeyOf, type StateKey } from './state-key.ts';

/**
 * Versions 2 and 2.1 of state resolution, from the point where the full conflicted set is known (spec: room versions 2
 * and 12, Algorithm). Events of the set that are not at hand are passed over.
 */
export function resolveV2(
  version: RoomVersionRules,
  unconflicted: ReadonlyMap<StateKey, EventId>,
  fullConflictedSet: ReadonlySet<EventId>,
  events: ResolutionEvents,
): Map<StateKey, EventId> {
  // Step 1: power events with those of their auth chains that are in the set.
  const powerSet = powerEventsWithChains(fullConflictedSet, events);
  const powerEvents = sortByPower(version, powerSet, events);
  // Step 2: version 2.1 starts from nothing, so that nothing unconflicted but outdated can authorise.
  const startsEmpty = version.stateResolution === 'v2.1';
  const state = new Map<StateKey, EventId>(startsEmpty ? undefined : unconflicted);
  applyAllowed(version, powerEvents, state, events);
  // Step 3: the rest, ordered along the power levels resolved so far.
  const rest: Pdu[] = [];
  for (const eventId of fullConflictedSet) {
    const event = powerSet.has(eventId) ? undefined : events.get(eventId);
    if (event) rest.push(event);
  }
  const powerLevelsId = state.get(stateKeyOf(EventType.PowerLevels, ''));
  const powerLevels = powerLevelsId === undefined ? undefined : events.get(powerLevelsId);
  // Step 4.
  applyAllowed(version, sortByMainline(rest, powerLevels, events), state, events);
  // Step 5.
  for (const [key, eventId] of unconflicted) state.set(key, eventId);
  return state;
}

/**
 * Whether an event might take somebody's power away (spec: room version 2, Power events). The create event counts too,
 * as in other implementations: everything rests on it.
 */
export function isPowerEvent(event: Pdu): boolean {
  switch (event.type) {
    case EventType.PowerLevels:
    case EventType.JoinRules:
    case EventType.Create:
      return event.stateKey === '';
    case EventType.Member: {
      const membership = membershipOf(event);
      return (membership === 'leave' || membership === 'ban') && event.sender !== event.stateKey;
    }
    default:
      return false;
  }
}

function powerEventsWithChains(set: ReadonlySet<EventId>, events: ResolutionEvents): Set<EventId> {
  const chosen = new Set<EventId>();
  const open: EventId[] = [];
  for (const eventId of set) {
    const event = events.get(eventId);
    if (event && isPowerEvent(event)) open.push(eventId);
  }
  for (let eventId = open.pop(); eventId !== undefined; eventId = open.pop()) {
    if (chosen.has(eventId)) continue;
    chosen.add(eventId);
    for (const authEvent of events.get(eventId)?.authEvents ?? [])
      if (set.has(authEvent)) open.push(authEvent);
  }
  return chosen;
}
