import { powerFrom } from '../auth/power.ts';
import type { Pdu } from '../events/pdu.ts';
import { compareCodePoints } from '../json/canonical.ts';
import type { RoomVersionRules } from '../room-versions/rules.ts';
import { EventType } from '../spec/event-types.ts';
import type { EventId } from '../spec/identifiers/event-id.ts';
import { StateResolutionError } from './errors.ts';
import { authEventOfType, createEventOf, type ResolutionEvents } from './events.ts';

/** An event waiting for its turn. */
type Candidate = { readonly event: Pdu; readonly power: number };

/**
 * Sorts events by reverse topological power ordering: auth events before what they authorise, and among those free to
 * go the sender with more power first, then the older event, then the smaller id (spec: room version 2, Definitions).
 * Throws {@link StateResolutionError} when the events' auth events lead in a circle.
 */
export function sortByPower(
  version: RoomVersionRules,
  set: ReadonlySet<EventId>,
  events: ResolutionEvents,
): Pdu[] {
  const waitingFor = new Map<EventId, number>();
  const dependants = new Map<EventId, Pdu[]>();
  const ready = new Heap<Candidate>(comesFirst);
  const candidate = (event: Pdu): Candidate => ({ event, power: senderPower(version, event, events) });
  for (const eventId of set) {
    const event = events.get(eventId);
    if (!event) continue;
    const within = new Set(
      event.authEvents.filter((authEvent) => set.has(authEvent) && events.get(authEvent)),
    );
    waitingFor.set(eventId, within.size);
    for (const authEvent of within) {
      const known = dependants.get(authEvent);
      if (known) known.push(event);
      else dependants.set(authEvent, [event]);
    }
    if (within.size === 0) ready.push(candidate(event));
  }
  const sorted: Pdu[] = [];
  for (let next = ready.pop(); next !== undefined; next = ready.pop()) {
    sorted.push(next.event);
    for (const dependant of dependants.get(next.event.eventId) ?? []) {
      const left = (waitingFor.get(dependant.eventId) ?? 0) - 1;
      waitingFor.set(dependant.eventId, left);
      if (left === 0) ready.push(candidate(dependant));
    }
  }
  if (sorted.length < waitingFor.size) throw new StateResolutionError('cyclic_auth_chain');
  return sorted;
}

/** The power of an event's sender by the event's own auth events, which is the same on every server. */
function senderPower(version: RoomVersionRules, event: Pdu, events: ResolutionEvents): number {
  const powerLevels = authEventOfType(event, EventType.PowerLevels, events);
  return powerFrom(version.auth, createEventOf(version, event, events), powerLevels).ofUser(event.sender);
}

/** Older first, and of the same moment the smaller id by code point. */
export function compareByAge(left: Pdu, right: Pdu): number {
  return left.originServerTs - right.originServerTs || compareCodePoints(left.eventId, right.eventId);
}

function comesFirst(left: Candidate, right: Candidate): boolean {
  if (left.power !== right.power) return left.power > right.power;
  return compareByAge(left.event, right.event) < 0;
}

/** A binary heap that gives back first what comes first. */
class Heap<Item> {
  readonly #items: Item[] = [];
  readonly #before: (left: Item, right: Item) => boolean;

  constructor(before: (left: Item, right: Item) => boolean) {
    this.#before = before;
  }

  push(item: Item): void {
    const items = this.#items;
    let index = items.length;
    items.push(item);
    while (index > 0) {
      const up = (index - 1) >> 1;
      const parent = items[up];
      if (parent === undefined || !this.#before(item, parent)) break;
      items[index] = parent;
      index = up;
    }
    items[index] = item;
  }

  pop(): Item | undefined {
    const items = this.#items;
    const top = items[0];
    const last = items.pop();
    if (top === undefined || last === undefined || items.length === 0) return top;
    let index = 0;
    for (;;) {
      const left = index * 2 + 1;
      const right = left + 1;
      const a = items[left];
      const b = items[right];
      if (a === undefined) break;
      const [child, item] = b !== undefined && this.#before(b, a) ? [right, b] : [left, a];
      if (!this.#before(item, last)) break;
      items[index] = item;
      index = child;
    }
    items[index] = last;
    return top;
  }
}
