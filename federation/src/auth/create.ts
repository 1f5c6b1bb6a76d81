import type { Pdu } from '../events/pdu.ts';
import { isJsonArray, ownValue } from '../json/value.ts';
import { isRoomVersion } from '../room-versions/registry.ts';
import type { AuthRules } from '../room-versions/rules.ts';
import { roomIdDomain } from '../spec/identifiers/room-id.ts';
import { isUserId, userIdServer } from '../spec/identifiers/user-id.ts';
import { allow, reject, type AuthDecision } from './decision.ts';

/** Rule 1 of every room version: the create event. It is judged by nothing but itself. */
export function authoriseCreate(rules: AuthRules, event: Pdu): AuthDecision {
  if (event.prevEvents.length > 0) return reject('create.prev_events');
  if (rules.createImpliedByRoomId) {
    if (ownValue(event.json, 'room_id') !== undefined) return reject('create.room_id_present');
  } else if (roomIdDomain(event.roomId) !== userIdServer(event.sender)) {
    return reject('create.room_id_domain');
  }
  const version = ownValue(event.content, 'room_version');
  if (version !== undefined && !isRoomVersion(version)) return reject('create.version');
  if (!rules.creatorIsSender && ownValue(event.content, 'creator') === undefined)
    return reject('create.creator');
  if (rules.privilegedCreators) {
    const additional = ownValue(event.content, 'additional_creators');
    if (additional !== undefined && !(isJsonArray(additional) && additional.every(isUserId))) {
      return reject('create.additional_creators');
    }
  }
  return allow('create.allow');
}
