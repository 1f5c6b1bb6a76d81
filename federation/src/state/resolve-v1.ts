import { authorise } from '../auth/authorise.ts';
import { authPlaces } from '../auth/select-auth-events.ts';
import { lookupInMap } from '../auth/state-lookup.ts';
import { sha1Hex } from '../events/hash.ts';
import type { Pdu } from '../events/pdu.ts';
import { ownValue, RawNumber } from '../json/value.ts';
import type { RoomVersionRules } from '../room-versions/rules.ts';
import { EventType } from '../spec/event-types.ts';
import type { EventId } from '../spec/identifiers/event-id.ts';
import type { Conflicts } from './conflicts.ts';
import type { ResolutionEvents } from './events.ts';
import { splitStateKey, stateKeyOf, type StateKey } from './state-key.ts';

/** Version 1 of state resolution, of room version 1 alone (spec: room version 1, State resolution). */
export function resolveV1(
  version: RoomVersionRules,
  { unconflicted, conflicted }: Conflicts,
  events: ResolutionEvents,
): Map<StateKey, EventId> {
  const resolved = new Map<StateKey, EventId>(unconflicted);
  const lists = new Map<StateKey, Pdu[]>();
  for (const [key, ids] of conflicted) {
    const known = [...ids].map((eventId) => events.get(eventId)).filter((event) => event !== undefined);
    if (known.length > 0) lists.set(key, oldestFirst(known));
  }
  const authState = authStateFor(version, unconflicted, lists, events);
  for (const type of [EventType.PowerLevels, EventType.JoinRules, EventType.Member]) {
    const chosen: Pdu[] = [];
    for (const [key, list] of lists) {
      if (splitStateKey(key).type === type) chosen.push(lastAllowedInARow(version, list, authState));
    }
    // Only now: conflicts of one kind are settled without regard to each other.
    for (const event of chosen) {
      const key = stateKeyOf(event.type, event.stateKey ?? '');
      resolved.set(key, event.eventId);
      authState.set(key, event);
      lists.delete(key);
    }
  }
  for (const [key, list] of lists) {
    const best = [...list]
      .reverse()
      .find((event) => authorise(version, event, lookupInMap(authState)).allowed);
    const chosen = best ?? list[0];
    if (chosen) resolved.set(key, chosen.eventId);
  }
  return resolved;
}

/** The unconflicted events that the conflicted ones need for their authorisation. */
function authStateFor(
  version: RoomVersionRules,
  unconflicted: ReadonlyMap<StateKey, EventId>,
  lists: ReadonlyMap<StateKey, readonly Pdu[]>,
  events: ResolutionEvents,
): Map<StateKey, Pdu> {
  const state = new Map<StateKey, Pdu>();
  for (const event of [...lists.values()].flat()) {
    for (const [type, stateKey] of authPlaces(version, event)) {
      const key = stateKeyOf(type, stateKey);
      const eventId = unconflicted.get(key);
      const known = eventId === undefined ? undefined : events.get(eventId);
      if (known) state.set(key, known);
    }
  }
  return state;
}

/** The last event of an unbroken run, each allowed by the state with the one before it in place. */
function lastAllowedInARow(
  version: RoomVersionRules,
  list: readonly Pdu[],
  authState: ReadonlyMap<StateKey, Pdu>,
): Pdu {
  const [first, ...others] = list;
  if (!first) throw new RangeError('a conflict has events');
  const state = new Map(authState);
  let last = first;
  for (const event of others) {
    state.set(stateKeyOf(last.type, last.stateKey ?? ''), last);
    if (!authorise(version, event, lookupInMap(state)).allowed) return last;
    last = event;
  }
  return last;
}

/** By ascending depth, and within a depth by descending SHA-1 of the event id. */
function oldestFirst(list: readonly Pdu[]): Pdu[] {
  const keyed = list.map((event) => ({ event, depth: exactDepth(event), sha1: sha1Hex(event.eventId) }));
  keyed.sort((left, right) => {
    if (left.depth !== right.depth) return left.depth < right.depth ? -1 : 1;
    if (left.sha1 === right.sha1) return 0;
    return left.sha1 > right.sha1 ? -1 : 1;
  });
  return keyed.map(({ event }) => event);
}

/** Depths up to 2^63-1 are legal in room version 1, and a double cannot tell the largest apart. */
function exactDepth(event: Pdu): number | bigint {
  const depth = ownValue(event.json, 'depth');
  return depth instanceof RawNumber && /^-?\d+$/.test(depth.literal) ? BigInt(depth.literal) : event.depth;
}
