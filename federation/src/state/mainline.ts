import type { Pdu } from '../events/pdu.ts';
import { EventType } from '../spec/event-types.ts';
import type { EventId } from '../spec/identifiers/event-id.ts';
import { StateResolutionError } from './errors.ts';
import { authEventOfType, type ResolutionEvents } from './events.ts';
import { compareByAge } from './power-order.ts';

/** Stands for the specification's infinity: the event is based on none of the mainline's power levels. */
const OFF_MAINLINE = Number.POSITIVE_INFINITY;

/**
 * Sorts events by mainline ordering: those based on earlier power levels of the mainline first, then the older event,
 * then the smaller id (spec: room version 2, Mainline ordering). `powerLevels` is the resolved power-levels event.
 */
export function sortByMainline(
  list: readonly Pdu[],
  powerLevels: Pdu | undefined,
  events: ResolutionEvents,
): Pdu[] {
  const positions = mainlinePositions(powerLevels, events);
  const keyed = list.map((event) => ({ event, position: positionOf(event, positions, events) }));
  keyed.sort((left, right) => {
    if (left.position !== right.position) return left.position > right.position ? -1 : 1;
    return compareByAge(left.event, right.event);
  });
  return keyed.map(({ event }) => event);
}

/** Position 0 for the resolved power levels, 1 for those they were based on, and so on. */
function mainlinePositions(powerLevels: Pdu | undefined, events: ResolutionEvents): Map<EventId, number> {
  const positions = new Map<EventId, number>();
  for (let event = powerLevels; event; event = authEventOfType(event, EventType.PowerLevels, events)) {
    if (positions.has(event.eventId)) throw new StateResolutionError('cyclic_auth_chain');
    positions.set(event.eventId, positions.size);
  }
  return positions;
}

/** Walks from power levels to power levels, remembering every event passed, so that shared chains are walked once. */
function positionOf(event: Pdu, positions: Map<EventId, number>, events: ResolutionEvents): number {
  const passed = new Set<EventId>();
  let current = authEventOfType(event, EventType.PowerLevels, events);
  let position = OFF_MAINLINE;
  while (current) {
    const known = positions.get(current.eventId);
    if (known !== undefined) {
      position = known;
      break;
    }
    if (passed.has(current.eventId)) throw new StateResolutionError('cyclic_auth_chain');
    passed.add(current.eventId);
    current = authEventOfType(current, EventType.PowerLevels, events);
  }
  for (const eventId of passed) positions.set(eventId, position);
  return position;
}
