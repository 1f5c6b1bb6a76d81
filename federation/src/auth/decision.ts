/**
 * Every end that the authorisation rules can come to, with the reason in words. The numbers that a room version gives
 * these rules are in `rule-numbers.ts`: they shift from version to version, these names do not.
 */
export const AUTH_RULES = {
  'create.prev_events': 'a create event has previous events',
  'create.room_id_domain': "the room id is not of the creator's domain",
  'create.room_id_present': 'a create event has a room id',
  'create.version': 'the room version is not recognised',
  'create.creator': 'a create event names no creator',
  'create.additional_creators': 'additional_creators is not a list of user ids',
  'create.allow': 'a create event',
  'room.create_accepted': 'the room id is not that of an accepted create event',
  'auth_events.duplicate': 'two auth events have the same type and state key',
  'auth_events.unexpected': 'an auth event is not one that this event needs',
  'auth_events.rejected': 'an auth event was itself rejected',
  'auth_events.no_create': 'there is no create event among the auth events',
  'auth_events.other_room': 'an auth event belongs to another room',
  'room.federate': 'the room does not federate and the sender is not of its server',
  'aliases.state_key': 'aliases without state key',
  'aliases.domain': "the state key is not the sender's domain",
  'aliases.allow': "aliases of the sender's domain",
  'member.malformed': 'a member event without state key or membership',
  'member.authoriser_signature': 'the server that authorised the join did not sign it',
  'join.creator': "the creator's first join",
  'join.sender': 'somebody joins for another user',
  'join.banned': 'the sender is banned',
  'join.invited': 'the sender is invited or joined already',
  'join.restricted_member': 'the sender is invited to or joined a restricted room',
  'join.restricted_authoriser': 'no joined member who may invite authorised the join',
  'join.restricted_allow': 'a member who may invite authorised the join',
  'join.public': 'the room is public',
  'join.otherwise': 'the join rule does not let the sender in',
  'invite.third_party_banned': 'the invited user is banned',
  'invite.third_party_signed': 'a third-party invite without signed object',
  'invite.third_party_properties': 'a third-party invite without mxid or token',
  'invite.third_party_mxid': 'a third-party invite for another user',
  'invite.third_party_event': 'no third-party invite with this token in the room',
  'invite.third_party_sender': 'the sender did not make the third-party invite',
  'invite.third_party_allow': 'a signature fits the third-party invite',
  'invite.third_party_otherwise': 'no signature fits the third-party invite',
  'invite.sender': 'the sender of an invite is not joined',
  'invite.target': 'the invited user is joined or banned',
  'invite.allow': 'the sender may invite',
  'invite.otherwise': 'the sender may not invite',
  'leave.self': 'one leaves only what one is invited to, joined or knocked on',
  'leave.sender': 'the sender of a kick is not joined',
  'leave.unban': 'the sender may not lift bans',
  'leave.kick': 'the sender may kick this user',
  'leave.otherwise': 'the sender may not kick this user',
  'ban.sender': 'the sender of a ban is not joined',
  'ban.allow': 'the sender may ban this user',
  'ban.otherwise': 'the sender may not ban this user',
  'knock.join_rule': 'the join rule does not allow knocking',
  'knock.sender': 'somebody knocks for another user',
  'knock.allow': 'the sender may knock',
  'knock.otherwise': 'the sender is banned, invited or joined',
  'member.unknown': 'the membership is unknown',
  'sender.joined': 'the sender is not joined',
  'third_party_invite.level': 'only those who may invite make third-party invites',
  'sender.level': 'the sender lacks the power for this type of event',
  'sender.state_key': 'the state key is another user',
  'power_levels.integers': 'a level is not an integer',
  'power_levels.maps': 'events or notifications does not hold integers',
  'power_levels.users': 'users does not hold integers by user id',
  'power_levels.creators': 'users names a creator of the room',
  'power_levels.first': 'the first power levels of the room',
  'power_levels.default_current': 'a level above the sender is changed',
  'power_levels.default_new': 'a level is raised above the sender',
  'power_levels.map_current': 'a level of an event type or notification above the sender is changed',
  'power_levels.map_new': 'a level of an event type or notification is raised above the sender',
  'power_levels.user_current': 'the level of a user not below the sender is changed',
  'power_levels.user_new': 'a user is raised above the sender',
  'power_levels.allow': 'every change is within the power of the sender',
  'redaction.level': 'the sender may redact',
  'redaction.domain': 'the redacted event is of the same domain',
  'redaction.otherwise': 'the sender may not redact this event',
  otherwise: 'no rule forbids it',
} as const;

/** The name of a rule of {@link AUTH_RULES}. */
export type AuthRule = keyof typeof AUTH_RULES;

/** The answer of the authorisation rules, with the rule that gave it. */
export type AuthDecision = { readonly allowed: boolean; readonly rule: AuthRule };

/** Allows, by a rule. */
export function allow(rule: AuthRule): AuthDecision {
  return { allowed: true, rule };
}

/** Rejects, by a rule. */
export function reject(rule: AuthRule): AuthDecision {
  return { allowed: false, rule };
}

/** The reason of a decision in words, for logs and error messages. */
export function describeDecision(decision: AuthDecision): string {
  return `${decision.allowed ? 'allowed' : 'rejected'}: ${AUTH_RULES[decision.rule]}`;
}
