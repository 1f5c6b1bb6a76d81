import type { JudgedPdu } from '../auth/check-auth-events.ts';
import { authPlaces } from '../auth/select-auth-events.ts';
import { createEventIdOf } from '../events/event-id.ts';
import type { Pdu } from '../events/pdu.ts';
import type { RoomVersionRules } from '../room-versions/rules.ts';
import { EventType } from '../spec/event-types.ts';
import type { EventId } from '../spec/identifiers/event-id.ts';
import { MAX_STATE_RESOLUTION_EVENTS } from '../spec/limits.ts';
import type { AuthChainIndex } from './auth-chain.ts';
import { eventsOf, splitStates, splitStatesV1 } from './conflicts.ts';
import { StateResolutionError } from './errors.ts';
import type { ResolutionEvents } from './events.ts';
import { resolveV1 } from './resolve-v1.ts';
import { resolveV2 } from './resolve-v2.ts';
import { stateKeyOf, type StateKey, type StateMap } from './state-key.ts';

/** Where a server keeps its events. */
export interface EventSource {
  /** The events with these ids, those that it has, with whether each was rejected. */
  events(ids: readonly EventId[]): Promise<ReadonlyMap<EventId, JudgedPdu>>;
}

/**
 * {@link resolveState} for a server whose events are in a database: asks the index for the auth difference and the
 * subgraph, then loads in a few batches what the algorithm will look at, and computes on that.
 */
export async function resolveStored(
  version: RoomVersionRules,
  states: readonly StateMap<EventId>[],
  source: EventSource,
  index: AuthChainIndex,
): Promise<Map<StateKey, EventId>> {
  const isV1 = version.stateResolution === 'v1';
  const conflicts = isV1 ? splitStatesV1(states) : splitStates(states);
  const { unconflicted, conflicted } = conflicts;
  if (conflicted.size === 0) return unconflicted;
  const full = eventsOf(conflicted);
  const loaded = new LoadedEvents(source);
  if (isV1) {
    await loaded.load(full);
    await loadAuthState(version, full, unconflicted, loaded);
    return resolveV1(version, conflicts, loaded);
  }
  const subgraph = version.stateResolution === 'v2.1' ? await index.subgraph(full) : [];
  const agreed = new Set(unconflicted.values());
  for (const eventId of await index.difference(states, new Set(conflicted.keys())))
    if (!agreed.has(eventId)) full.add(eventId);
  for (const eventId of subgraph) full.add(eventId);
  await loaded.load(full);
  await loadAuthState(version, full, unconflicted, loaded);
  await loadMainlines(full, unconflicted, loaded);
  return resolveV2(version, unconflicted, full, loaded);
}

/** Auth events of the conflicted events, what the unconflicted state has in their places, and the create event. */
async function loadAuthState(
  version: RoomVersionRules,
  ids: ReadonlySet<EventId>,
  unconflicted: ReadonlyMap<StateKey, EventId>,
  loaded: LoadedEvents,
): Promise<void> {
  const needed = new Set<EventId>();
  for (const eventId of ids) {
    const event = loaded.get(eventId);
    if (!event) continue;
    for (const authEvent of event.authEvents) needed.add(authEvent);
    for (const [type, stateKey] of authPlaces(version, event)) {
      const current = unconflicted.get(stateKeyOf(type, stateKey));
      if (current !== undefined) needed.add(current);
    }
    const create = version.auth.createImpliedByRoomId ? createEventIdOf(event.roomId) : undefined;
    if (create !== undefined) needed.add(create);
  }
  await loaded.load(needed);
}

/** Follows power levels to those they were based on, down to the first, with the auth events of each. */
async function loadMainlines(
  ids: ReadonlySet<EventId>,
  unconflicted: ReadonlyMap<StateKey, EventId>,
  loaded: LoadedEvents,
): Promise<void> {
  const seen = new Set<EventId>();
  const current = unconflicted.get(stateKeyOf(EventType.PowerLevels, ''));
  let frontier = new Set(ids);
  if (current !== undefined) frontier.add(current);
  await loaded.load(frontier);
  while (frontier.size > 0) {
    const authEvents = new Set<EventId>();
    for (const eventId of frontier) {
      seen.add(eventId);
      for (const authEvent of loaded.get(eventId)?.authEvents ?? []) authEvents.add(authEvent);
    }
    if (seen.size > MAX_STATE_RESOLUTION_EVENTS) throw new StateResolutionError('too_many_events');
    await loaded.load(authEvents);
    frontier = new Set([...authEvents].filter((id) => !seen.has(id) && isPowerLevels(loaded.get(id))));
  }
}

function isPowerLevels(event: Pdu | undefined): boolean {
  return event?.type === EventType.PowerLevels && event.stateKey === '';
}

/** Events fetched once, for the synchronous algorithm to look at. */
class LoadedEvents implements ResolutionEvents {
  readonly #source: EventSource;
  readonly #events = new Map<EventId, JudgedPdu | undefined>();

  constructor(source: EventSource) {
    this.#source = source;
  }

  async load(ids: ReadonlySet<EventId>): Promise<void> {
    const missing = [...ids].filter((eventId) => !this.#events.has(eventId));
    if (missing.length === 0) return;
    const found = await this.#source.events(missing);
    for (const eventId of missing) this.#events.set(eventId, found.get(eventId));
  }

  get(eventId: EventId): Pdu | undefined {
    return this.#events.get(eventId)?.pdu;
  }

  isRejected(eventId: EventId): boolean {
    return this.#events.get(eventId)?.rejected ?? false;
  }
}
