import { ownValue, type JsonObject } from '../json/value.ts';
import type { RoomVersionRules } from '../room-versions/rules.ts';
import { EventType } from '../spec/event-types.ts';
import { thirdPartyToken } from './third-party-invite.ts';

/** What of an event decides which state authorises it. */
export type AuthSubject = {
  readonly type: string;
  readonly sender: string;
  readonly stateKey?: string | undefined;
  readonly content: JsonObject;
};

/** A place in a room's state. */
export type StatePlace = readonly [type: string, stateKey: string];

/**
 * The places in a room's state whose events belong into `auth_events`, those that exist (spec: Server-Server API, Auth
 * events selection). At most seven, without repetition.
 */
export function authPlaces(version: RoomVersionRules, event: AuthSubject): StatePlace[] {
  const rules = version.auth;
  if (event.type === EventType.Create) return [];
  const places: StatePlace[] = [];
  if (!rules.createImpliedByRoomId) places.push([EventType.Create, '']);
  places.push([EventType.PowerLevels, ''], [EventType.Member, event.sender]);
  if (event.type !== EventType.Member || event.stateKey === undefined) return places;
  addMember(places, event.stateKey);
  const membership = ownValue(event.content, 'membership');
  if (membership === 'join' || membership === 'invite' || membership === 'knock')
    places.push([EventType.JoinRules, '']);
  if (membership === 'invite') {
    const token = thirdPartyToken(event.content);
    if (token !== undefined) places.push([EventType.ThirdPartyInvite, token]);
  }
  if (membership === 'join' && rules.restrictedJoins) {
    const authoriser = ownValue(event.content, 'join_authorised_via_users_server');
    if (typeof authoriser === 'string') addMember(places, authoriser);
  }
  return places;
}

/**
 * The ids, or whatever a state holds, of the events that authorise a new event: {@link authPlaces} looked up in the
 * state before it.
 */
export function selectAuthEvents<Value>(
  version: RoomVersionRules,
  event: AuthSubject,
  state: (type: string, stateKey: string) => Value | undefined,
): Value[] {
  return authPlaces(version, event)
    .map(([type, stateKey]) => state(type, stateKey))
    .filter((value) => value !== undefined);
}

function addMember(places: StatePlace[], userId: string): void {
  if (!places.some(([type, stateKey]) => type === EventType.Member && stateKey === userId)) {
    places.push([EventType.Member, userId]);
  }
}
