import type { Pdu } from '../events/pdu.ts';
import { ownValue } from '../json/value.ts';
import type { AuthRules } from '../room-versions/rules.ts';
import { allow, reject, type AuthDecision } from './decision.ts';
import { creatorOf, powerIn } from './power.ts';
import { joinRuleIn, membershipIn, type StateLookup } from './state-lookup.ts';

/** A member event with membership `join` (rule 5.2 of version 1, 4.3 from version 8, 5.3 of version 12). */
export function authoriseJoin(
  rules: AuthRules,
  event: Pdu,
  target: string,
  state: StateLookup,
): AuthDecision {
  if (isCreatorsFirstJoin(rules, event, target, state)) return allow('join.creator');
  if (event.sender !== target) return reject('join.sender');
  const membership = membershipIn(state, target);
  if (membership === 'ban') return reject('join.banned');
  const rule = joinRuleIn(state);
  const isIn = membership === 'invite' || membership === 'join';
  if ((rule === 'invite' || (rules.knocking && rule === 'knock')) && isIn) return allow('join.invited');
  if (isRestricted(rules, rule)) {
    if (isIn) return allow('join.restricted_member');
    return mayLetIn(rules, event, state)
      ? allow('join.restricted_allow')
      : reject('join.restricted_authoriser');
  }
  return rule === 'public' ? allow('join.public') : reject('join.otherwise');
}

function isCreatorsFirstJoin(rules: AuthRules, event: Pdu, target: string, state: StateLookup): boolean {
  if (event.prevEvents.length !== 1) return false;
  const create = state('m.room.create', '');
  return (
    create !== undefined && event.prevEvents[0] === create.eventId && creatorOf(rules, create) === target
  );
}

function isRestricted(rules: AuthRules, rule: string): boolean {
  return (
    (rules.restrictedJoins && rule === 'restricted') || (rules.knockRestricted && rule === 'knock_restricted')
  );
}

/** Whether `join_authorised_via_users_server` names a joined member with the power to invite. */
function mayLetIn(rules: AuthRules, event: Pdu, state: StateLookup): boolean {
  const authoriser = ownValue(event.content, 'join_authorised_via_users_server');
  if (typeof authoriser !== 'string' || membershipIn(state, authoriser) !== 'join') return false;
  const power = powerIn(rules, state);
  return power.ofUser(authoriser) >= power.level('invite');
}
