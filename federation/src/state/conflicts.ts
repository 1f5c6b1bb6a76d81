import type { EventId } from '../spec/identifiers/event-id.ts';
import { StateResolutionError } from './errors.ts';
import type { StateKey, StateMap } from './state-key.ts';

/** States taken apart: what they agree on, and for every other key the events they hold there. */
export type Conflicts = {
  readonly unconflicted: Map<StateKey, EventId>;
  readonly conflicted: Map<StateKey, Set<EventId>>;
};

/**
 * Splits states as version 2 of state resolution does: a key is unconflicted only when every state has it, with the
 * same event (spec: room version 2, Definitions).
 */
export function splitStates(states: readonly StateMap<EventId>[]): Conflicts {
  const [first, ...others] = states;
  if (!first) throw new StateResolutionError('no_states');
  const unconflicted = new Map<StateKey, EventId>();
  const conflicted = new Map<StateKey, Set<EventId>>();
  for (const [key, eventId] of first) {
    if (others.every((state) => state.get(key) === eventId)) unconflicted.set(key, eventId);
  }
  for (const state of states) {
    for (const [key, eventId] of state) {
      if (unconflicted.has(key)) continue;
      const events = conflicted.get(key);
      if (events) events.add(eventId);
      else conflicted.set(key, new Set([eventId]));
    }
  }
  return { unconflicted, conflicted };
}

/** Splits states as version 1 does: a key that some states lack is not in conflict for that (spec: room version 1, State resolution). */
export function splitStatesV1(states: readonly StateMap<EventId>[]): Conflicts {
  if (states.length === 0) throw new StateResolutionError('no_states');
  const seen = new Map<StateKey, Set<EventId>>();
  for (const state of states) {
    for (const [key, eventId] of state) {
      const events = seen.get(key);
      if (events) events.add(eventId);
      else seen.set(key, new Set([eventId]));
    }
  }
  const unconflicted = new Map<StateKey, EventId>();
  const conflicted = new Map<StateKey, Set<EventId>>();
  for (const [key, events] of seen) {
    const [only, ...more] = events;
    if (only !== undefined && more.length === 0) unconflicted.set(key, only);
    else conflicted.set(key, events);
  }
  return { unconflicted, conflicted };
}

/** All events of a conflicted set. */
export function eventsOf(conflicted: ReadonlyMap<StateKey, ReadonlySet<EventId>>): Set<EventId> {
  const all = new Set<EventId>();
  for (const events of conflicted.values()) for (const eventId of events) all.add(eventId);
  return all;
}
