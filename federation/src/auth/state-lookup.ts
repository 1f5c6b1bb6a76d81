import { isStatePdu, type Pdu, type StatePdu } from '../events/pdu.ts';
import { ownValue } from '../json/value.ts';
import { isMembership, type Membership } from '../spec/event-types.ts';
import { stateKeyOf, type StateKey } from '../state/state-key.ts';

/** The state that an event is judged by: the event of a type and state key, or undefined. */
export type StateLookup = (type: string, stateKey: string) => Pdu | undefined;

/** A lookup over a map from state key to event. */
export function lookupInMap(state: ReadonlyMap<StateKey, Pdu>): StateLookup {
  return (type, stateKey) => state.get(stateKeyOf(type, stateKey));
}

/** A lookup over a list of state events; of two with the same key the later one counts. */
export function lookupInList(state: Iterable<Pdu>): StateLookup {
  const map = new Map<StateKey, StatePdu>();
  for (const event of state) {
    if (isStatePdu(event)) map.set(stateKeyOf(event.type, event.stateKey), event);
  }
  return lookupInMap(map);
}

/** A user's membership in a state: `leave` without a member event, undefined if that event's membership is unknown. */
export function membershipIn(state: StateLookup, userId: string): Membership | undefined {
  const event = state('m.room.member', userId);
  return event ? membershipOf(event) : 'leave';
}

/** The membership that a member event sets; undefined if it is none of the five. */
export function membershipOf(event: Pdu): Membership | undefined {
  const membership = ownValue(event.content, 'membership');
  return isMembership(membership) ? membership : undefined;
}

/**
 * The join rule of a state. Without the event, or without a text in it, a room is by invitation only: what Synapse and
 * gomatrixserverlib do; the specification is silent.
 */
export function joinRuleIn(state: StateLookup): string {
  const event = state('m.room.join_rules', '');
  const rule = event && ownValue(event.content, 'join_rule');
  return typeof rule === 'string' ? rule : 'invite';
}
