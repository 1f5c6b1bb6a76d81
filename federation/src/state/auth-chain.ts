import type { EventId } from '../spec/identifiers/event-id.ts';
import { MAX_STATE_RESOLUTION_EVENTS } from '../spec/limits.ts';
import { StateResolutionError } from './errors.ts';
import type { StateKey, StateMap } from './state-key.ts';

/** The auth events of an event; undefined when the event is unknown, and the walk ends there. */
export type AuthEdges = (eventId: EventId) => readonly EventId[] | undefined;

/**
 * What state resolution asks of auth chains. Walking them is right for small rooms and tests; a server with large
 * rooms answers from an index.
 */
export interface AuthChainIndex {
  /** Events in the auth chains of some but not all of the states (spec: room version 2, Auth difference). */
  difference(
    states: readonly StateMap<EventId>[],
    conflictedKeys: ReadonlySet<StateKey>,
  ): Promise<ReadonlySet<EventId>>;
  /** Events on paths of auth events between any two of the given ones, these included (spec: room version 12). */
  subgraph(conflicted: ReadonlySet<EventId>): Promise<ReadonlySet<EventId>>;
}

/**
 * The auth difference by walking. Chains of unconflicted events belong to every state, so only those of conflicted
 * events can differ; the unconflicted ones are walked only to strike out what they reach, and not at all if nothing differs.
 */
export function authDifference(
  states: readonly StateMap<EventId>[],
  conflictedKeys: ReadonlySet<StateKey>,
  edges: AuthEdges,
): Set<EventId> {
  const reachedBy = new Map<EventId, number>();
  for (const state of states) {
    const own = [...conflictedKeys].map((key) => state.get(key)).filter((eventId) => eventId !== undefined);
    for (const eventId of authChain(own, edges)) reachedBy.set(eventId, (reachedBy.get(eventId) ?? 0) + 1);
  }
  const differing = new Set<EventId>();
  for (const [eventId, count] of reachedBy) if (count < states.length) differing.add(eventId);
  const [first] = states;
  if (differing.size > 0 && first) strikeUnconflicted(differing, first, conflictedKeys, edges);
  return differing;
}

/** An event whose auth events are being walked, and how many of them have been. */
type Step = { readonly eventId: EventId; readonly authEvents: readonly EventId[]; done: number };

/**
 * All auth events of the given events, theirs, and so on; the given ones only if another reaches them. Throws
 * {@link StateResolutionError} when an event is its own auth event at some remove: room versions 1 and 2 let senders
 * choose ids, so they can be lied into a circle.
 */
export function authChain(from: readonly EventId[], edges: AuthEdges): Set<EventId> {
  const chain = new Set<EventId>();
  const finished = new Set<EventId>();
  const open = new Set<EventId>();
  for (const start of from) {
    if (finished.has(start)) continue;
    const path: Step[] = [{ eventId: start, authEvents: edges(start) ?? [], done: 0 }];
    open.add(start);
    for (let step = path.at(-1); step; step = path.at(-1)) {
      const next = step.authEvents[step.done++];
      if (next === undefined) {
        open.delete(step.eventId);
        finished.add(step.eventId);
        path.pop();
        continue;
      }
      chain.add(next);
      if (open.has(next)) throw new StateResolutionError('cyclic_auth_chain');
      if (finished.has(next)) continue;
      open.add(next);
      path.push({ eventId: next, authEvents: edges(next) ?? [], done: 0 });
    }
    if (chain.size > MAX_STATE_RESOLUTION_EVENTS) throw new StateResolutionError('too_many_events');
  }
  return chain;
}

/** The conflicted state subgraph by walking: reachable from a conflicted event, and reaching one. */
export function conflictedSubgraph(conflicted: ReadonlySet<EventId>, edges: AuthEdges): Set<EventId> {
  const dependants = new Map<EventId, EventId[]>();
  const seen = new Set<EventId>(conflicted);
  const open: EventId[] = [...conflicted];
  for (let eventId = open.pop(); eventId !== undefined; eventId = open.pop()) {
    for (const authEvent of edges(eventId) ?? []) {
      const known = dependants.get(authEvent);
      if (known) known.push(eventId);
      else dependants.set(authEvent, [eventId]);
      if (seen.has(authEvent)) continue;
      seen.add(authEvent);
      open.push(authEvent);
    }
    if (seen.size > MAX_STATE_RESOLUTION_EVENTS) throw new StateResolutionError('too_many_events');
  }
  const subgraph = new Set<EventId>(conflicted);
  const back: EventId[] = [...conflicted];
  for (let eventId = back.pop(); eventId !== undefined; eventId = back.pop()) {
    for (const dependant of dependants.get(eventId) ?? []) {
      if (subgraph.has(dependant)) continue;
      subgraph.add(dependant);
      back.push(dependant);
    }
  }
  return subgraph;
}

function strikeUnconflicted(
  differing: Set<EventId>,
  state: StateMap<EventId>,
  conflictedKeys: ReadonlySet<StateKey>,
  edges: AuthEdges,
): void {
  const open: EventId[] = [];
  for (const [key, eventId] of state) if (!conflictedKeys.has(key)) open.push(eventId);
  const seen = new Set<EventId>();
  for (let eventId = open.pop(); eventId !== undefined && differing.size > 0; eventId = open.pop()) {
    for (const authEvent of edges(eventId) ?? []) {
      if (seen.has(authEvent)) continue;
      seen.add(authEvent);
      differing.delete(authEvent);
      open.push(authEvent);
    }
    if (seen.size > MAX_STATE_RESOLUTION_EVENTS) throw new StateResolutionError('too_many_events');
  }
}
