import type { Pdu } from '../events/pdu.ts';
import { ownValue } from '../json/value.ts';
import type { RoomVersionRules } from '../room-versions/rules.ts';
import { EventType } from '../spec/event-types.ts';
import { eventIdDomain, isEventId } from '../spec/identifiers/event-id.ts';
import { userIdServer } from '../spec/identifiers/user-id.ts';
import { authoriseCreate } from './create.ts';
import { allow, reject, type AuthDecision } from './decision.ts';
import { authoriseMember, type SignedBy } from './member.ts';
import { authorisePowerLevels } from './power-levels.ts';
import { powerFrom, type Power } from './power.ts';
import { membershipIn, type StateLookup } from './state-lookup.ts';

/**
 * Whether a state allows an event: all authorisation rules but those on the `auth_events` list, which
 * `checkAuthEvents` has (spec: room versions, Authorisation rules). Pure; reads only the few state events it needs.
 *
 * `signedBy` enforces rule 4.2 (5.2 in version 12) of restricted rooms; leave it out where the event's signatures,
 * which include that one, were checked before.
 */
export function authorise(
  version: RoomVersionRules,
  event: Pdu,
  state: StateLookup,
  signedBy?: SignedBy,
): AuthDecision {
  const rules = version.auth;
  if (event.type === EventType.Create) return authoriseCreate(rules, event);
  const create = state(EventType.Create, '');
  // Without its create event a state belongs to no room: rule 2.4, or 2 of version 12.
  if (!create) return reject(rules.createImpliedByRoomId ? 'room.create_accepted' : 'auth_events.no_create');
  if (
    ownValue(create.content, 'm.federate') === false &&
    userIdServer(create.sender) !== userIdServer(event.sender)
  ) {
    return reject('room.federate');
  }
  if (rules.specialAliases && event.type === EventType.Aliases) return authoriseAliases(event);
  if (event.type === EventType.Member) return authoriseMember(rules, event, state, signedBy);
  if (membershipIn(state, event.sender) !== 'join') return reject('sender.joined');

  const powerLevels = state(EventType.PowerLevels, '');
  const power = powerFrom(rules, create, powerLevels);
  const own = power.ofUser(event.sender);
  if (event.type === EventType.ThirdPartyInvite) {
    return own >= power.level('invite')
      ? allow('third_party_invite.level')
      : reject('third_party_invite.level');
  }
  if (power.toSend(event.type, event.stateKey !== undefined) > own) return reject('sender.level');
  if (event.stateKey?.startsWith('@') === true && event.stateKey !== event.sender)
    return reject('sender.state_key');
  if (event.type === EventType.PowerLevels)
    return authorisePowerLevels(rules, event, own, powerLevels, create);
  if (rules.specialRedactions && event.type === EventType.Redaction)
    return authoriseRedaction(event, own, power);
  return allow('otherwise');
}

/** Rule 4 of versions 1 to 5. */
function authoriseAliases(event: Pdu): AuthDecision {
  if (event.stateKey === undefined) return reject('aliases.state_key');
  return event.stateKey === userIdServer(event.sender) ? allow('aliases.allow') : reject('aliases.domain');
}

/** Rule 11 of versions 1 and 2. */
function authoriseRedaction(event: Pdu, own: number, power: Power): AuthDecision {
  if (own >= power.level('redact')) return allow('redaction.level');
  const target = isEventId(event.redacts) ? eventIdDomain(event.redacts) : undefined;
  const isOwn = target !== undefined && target === eventIdDomain(event.eventId);
  return isOwn ? allow('redaction.domain') : reject('redaction.otherwise');
}
