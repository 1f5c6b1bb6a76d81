import type { RoomVersionRules } from '../room-versions/rules.ts';
import type { EventId } from '../spec/identifiers/event-id.ts';
import { authDifference, conflictedSubgraph, type AuthEdges } from './auth-chain.ts';
import { eventsOf, splitStates, splitStatesV1 } from './conflicts.ts';
import type { ResolutionEvents } from './events.ts';
import { resolveV1 } from './resolve-v1.ts';
import { resolveV2 } from './resolve-v2.ts';
import type { StateKey, StateMap } from './state-key.ts';

/**
 * Resolves the states of a room's forks into one, by the algorithm of its version, with every event at hand: walks the
 * auth chains in memory. The order of `states` does not matter. A server that keeps its events in a database uses
 * `resolveStored`. Throws `StateResolutionError` for circular auth chains.
 */
export function resolveState(
  version: RoomVersionRules,
  states: readonly StateMap<EventId>[],
  events: ResolutionEvents,
): Map<StateKey, EventId> {
  if (version.stateResolution === 'v1') return resolveV1(version, splitStatesV1(states), events);
  const { unconflicted, conflicted } = splitStates(states);
  if (conflicted.size === 0) return unconflicted;
  const edges: AuthEdges = (eventId) => events.get(eventId)?.authEvents;
  const full = eventsOf(conflicted);
  const subgraph = version.stateResolution === 'v2.1' ? conflictedSubgraph(full, edges) : [];
  const agreed = new Set(unconflicted.values());
  for (const eventId of authDifference(states, new Set(conflicted.keys()), edges)) {
    // Every state reaches what every state holds: see docs/adr on the auth difference.
    if (!agreed.has(eventId)) full.add(eventId);
  }
  for (const eventId of subgraph) full.add(eventId);
  return resolveV2(version, unconflicted, full, events);
}
