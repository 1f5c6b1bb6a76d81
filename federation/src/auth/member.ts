import type { Pdu } from '../events/pdu.ts';
import { ownValue } from '../json/value.ts';
import type { AuthRules } from '../room-versions/rules.ts';
import type { ServerName } from '../spec/identifiers/server-name.ts';
import { isUserId, userIdServer } from '../spec/identifiers/user-id.ts';
import { allow, reject, type AuthDecision } from './decision.ts';
import { authoriseJoin } from './join.ts';
import { powerIn } from './power.ts';
import { joinRuleIn, membershipIn, type StateLookup } from './state-lookup.ts';
import { authoriseThirdPartyInvite } from './third-party-invite.ts';

/** Tells whether a server validly signed the event in question. */
export type SignedBy = (server: ServerName) => boolean;

/** The rules of `m.room.member` (rule 5 of versions 1 to 5 and 12, rule 4 in between). */
export function authoriseMember(
  rules: AuthRules,
  event: Pdu,
  state: StateLookup,
  signedBy: SignedBy | undefined,
): AuthDecision {
  const target = event.stateKey;
  const membership = ownValue(event.content, 'membership');
  if (target === undefined || !isUserId(target) || typeof membership !== 'string')
    return reject('member.malformed');
  if (rules.restrictedJoins && signedBy && !authoriserSigned(event, signedBy)) {
    return reject('member.authoriser_signature');
  }
  switch (membership) {
    case 'join':
      return authoriseJoin(rules, event, target, state);
    case 'invite':
      return authoriseInvite(rules, event, target, state);
    case 'leave':
      return authoriseLeave(rules, event, target, state);
    case 'ban':
      return authoriseBan(rules, event, target, state);
    case 'knock':
      return rules.knocking ? authoriseKnock(rules, event, target, state) : reject('member.unknown');
    default:
      return reject('member.unknown');
  }
}

function authoriserSigned(event: Pdu, signedBy: SignedBy): boolean {
  const authoriser = ownValue(event.content, 'join_authorised_via_users_server');
  if (authoriser === undefined) return true;
  return isUserId(authoriser) && signedBy(userIdServer(authoriser));
}

function authoriseInvite(rules: AuthRules, event: Pdu, target: string, state: StateLookup): AuthDecision {
  if (ownValue(event.content, 'third_party_invite') !== undefined) {
    return authoriseThirdPartyInvite(event, target, state);
  }
  if (membershipIn(state, event.sender) !== 'join') return reject('invite.sender');
  const current = membershipIn(state, target);
  if (current === 'join' || current === 'ban') return reject('invite.target');
  const power = powerIn(rules, state);
  return power.ofUser(event.sender) >= power.level('invite')
    ? allow('invite.allow')
    : reject('invite.otherwise');
}

function authoriseLeave(rules: AuthRules, event: Pdu, target: string, state: StateLookup): AuthDecision {
  const senders = membershipIn(state, event.sender);
  if (event.sender === target) {
    const isIn = senders === 'invite' || senders === 'join' || (rules.knocking && senders === 'knock');
    return isIn ? allow('leave.self') : reject('leave.self');
  }
  if (senders !== 'join') return reject('leave.sender');
  const power = powerIn(rules, state);
  const own = power.ofUser(event.sender);
  if (membershipIn(state, target) === 'ban' && own < power.level('ban')) return reject('leave.unban');
  const mayKick = own >= power.level('kick') && power.ofUser(target) < own;
  return mayKick ? allow('leave.kick') : reject('leave.otherwise');
}

function authoriseBan(rules: AuthRules, event: Pdu, target: string, state: StateLookup): AuthDecision {
  if (membershipIn(state, event.sender) !== 'join') return reject('ban.sender');
  const power = powerIn(rules, state);
  const own = power.ofUser(event.sender);
  const mayBan = own >= power.level('ban') && power.ofUser(target) < own;
  return mayBan ? allow('ban.allow') : reject('ban.otherwise');
}

function authoriseKnock(rules: AuthRules, event: Pdu, target: string, state: StateLookup): AuthDecision {
  const rule = joinRuleIn(state);
  if (rule !== 'knock' && !(rules.knockRestricted && rule === 'knock_restricted'))
    return reject('knock.join_rule');
  if (event.sender !== target) return reject('knock.sender');
  const current = membershipIn(state, event.sender);
  const isKept = current === 'ban' || current === 'invite' || current === 'join';
  return isKept ? reject('knock.otherwise') : allow('knock.allow');
}
