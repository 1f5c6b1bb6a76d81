import type { Pdu } from '../events/pdu.ts';
import { createEventIdOf } from '../events/event-id.ts';
import type { RoomVersionRules } from '../room-versions/rules.ts';
import { EventType } from '../spec/event-types.ts';
import { stateKeyOf } from '../state/state-key.ts';
import { reject, type AuthDecision } from './decision.ts';
import { lookupInMap, type StateLookup } from './state-lookup.ts';
import { authPlaces } from './select-auth-events.ts';

/** An event of the auth chain, and whether it was itself rejected when it was received. */
export type JudgedPdu = { readonly pdu: Pdu; readonly rejected: boolean };

/**
 * The rules on the list of auth events (rule 2; 2 and 3 of version 12). Takes every event of `auth_events`, in any
 * order, and from version 12 on the create event that the room id names. Returns the rejection, or undefined.
 */
export function checkAuthEvents(
  version: RoomVersionRules,
  event: Pdu,
  authEvents: readonly JudgedPdu[],
  create: JudgedPdu | undefined,
): AuthDecision | undefined {
  if (event.type === EventType.Create) return undefined;
  const implied = version.auth.createImpliedByRoomId;
  if (implied && !isAcceptedCreate(event, create)) return reject('room.create_accepted');
  const keys = authEvents.map(({ pdu }) => stateKeyOf(pdu.type, pdu.stateKey ?? ''));
  if (new Set(keys).size !== keys.length) return reject('auth_events.duplicate');
  const expected = new Set(authPlaces(version, event).map(([type, stateKey]) => stateKeyOf(type, stateKey)));
  const isExpected = authEvents.every(
    ({ pdu }) => pdu.stateKey !== undefined && expected.has(stateKeyOf(pdu.type, pdu.stateKey)),
  );
  if (!isExpected) return reject('auth_events.unexpected');
  if (authEvents.some(({ rejected }) => rejected)) return reject('auth_events.rejected');
  if (!implied && !authEvents.some(({ pdu }) => pdu.type === EventType.Create))
    return reject('auth_events.no_create');
  if (authEvents.some(({ pdu }) => pdu.roomId !== event.roomId)) return reject('auth_events.other_room');
  return undefined;
}

/** The state that an event's auth events make up: what step 4 of the receipt checks authorises it by. */
export function stateOfAuthEvents(
  version: RoomVersionRules,
  authEvents: readonly JudgedPdu[],
  create: JudgedPdu | undefined,
): StateLookup {
  const state = new Map(authEvents.map(({ pdu }) => [stateKeyOf(pdu.type, pdu.stateKey ?? ''), pdu]));
  if (version.auth.createImpliedByRoomId && create) state.set(stateKeyOf(EventType.Create, ''), create.pdu);
  return lookupInMap(state);
}

function isAcceptedCreate(event: Pdu, create: JudgedPdu | undefined): boolean {
  if (!create || create.rejected || create.pdu.type !== EventType.Create) return false;
  return create.pdu.eventId === createEventIdOf(event.roomId);
}
