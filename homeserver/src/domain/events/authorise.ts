import { authorise as authoriseEvent } from '@nyx/federation/auth/authorise.ts';
import { describeDecision } from '@nyx/federation/auth/decision.ts';
import { authPlaces, type AuthSubject, type StatePlace } from '@nyx/federation/auth/select-auth-events.ts';
import { lookupInList, type StateLookup } from '@nyx/federation/auth/state-lookup.ts';
import type { Pdu } from '@nyx/federation/events/pdu.ts';
import type { RoomVersionRules } from '@nyx/federation/room-versions/rules.ts';
import { EventType } from '@nyx/federation/spec/event-types.ts';
import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import { DomainError } from '../errors.ts';
import type { RoomState } from './room-state.ts';
import type { StoredEvent } from './stored-event.ts';

/** Where events of a state are read from. */
export interface EventSource {
  getAll(ids: Iterable<EventId>): Promise<Map<EventId, StoredEvent>>;
}

const CREATE: StatePlace = [EventType.Create, ''];

/** Looks up the places of a state that decide about an event; the create event is always among them. */
export async function authLookup(
  rules: RoomVersionRules,
  subject: AuthSubject,
  state: RoomState,
  events: EventSource,
): Promise<StateLookup> {
  const ids: EventId[] = [];
  for (const [type, key] of [CREATE, ...authPlaces(rules, subject)]) {
    const id = state.get(type, key);
    if (id !== undefined) ids.push(id);
  }
  ids.push(...(await claimedMembers(rules, subject, state, events)));
  const found = await events.getAll(ids);
  return lookupInList([...found.values()].map((event) => event.pdu));
}

/**
 * While a state lacks members, those that the event itself names as its authority stand in for them (spec: PUT
 * send_join, `omit_members`). What came in so is judged again once the members are here.
 */
async function claimedMembers(
  rules: RoomVersionRules,
  subject: AuthSubject | Pdu,
  state: RoomState,
  events: EventSource,
): Promise<EventId[]> {
  if (state.partial === undefined || !('authEvents' in subject)) return [];
  const wanted = authPlaces(rules, subject).filter(
    ([type, key]) => type === EventType.Member && state.get(type, key) === undefined,
  );
  if (wanted.length === 0) return [];
  const named = [...(await events.getAll(subject.authEvents)).values()];
  return wanted.flatMap(([type, key]) => {
    const claimed = named.find(({ pdu }) => pdu.type === type && pdu.stateKey === key);
    return claimed === undefined || claimed.standing === 'rejected' ? [] : [claimed.id];
  });
}

/** Throws `forbidden` unless the state allows the event. */
export function requireAuthorised(rules: RoomVersionRules, pdu: Pdu, lookup: StateLookup): void {
  const decision = authoriseEvent(rules, pdu, lookup);
  if (!decision.allowed) throw new DomainError('forbidden', describeDecision(decision));
}
