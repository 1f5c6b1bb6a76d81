import type { RoomVersionRules } from '../room-versions/rules.ts';
import type { AuthRule } from './decision.ts';

/** A numbered list of the specification: a rule, a list under a heading, or nothing in versions that lack the entry. */
type Entry = AuthRule | readonly Entry[] | undefined;

/**
 * The number that a room version's page gives a rule, as in `5.2.3`, or undefined if the version does not have it. The
 * lists below are the pages' outlines; numbers follow from their order, as they do on the pages.
 */
export function ruleNumber(version: RoomVersionRules, rule: AuthRule): string | undefined {
  return numberIn(outline(version), rule, '');
}

/** Every rule of a room version with its number, in the order of the page. */
export function numberedRules(
  version: RoomVersionRules,
): { readonly number: string; readonly rule: AuthRule }[] {
  return flatten(outline(version), '');
}

function flatten(list: readonly Entry[], prefix: string): { number: string; rule: AuthRule }[] {
  return list
    .filter((entry) => entry !== undefined)
    .flatMap((entry, index) => {
      const number = `${prefix}${index + 1}`;
      return typeof entry === 'string' ? [{ number, rule: entry }] : flatten(entry, `${number}.`);
    });
}

function numberIn(list: readonly Entry[], rule: AuthRule, prefix: string): string | undefined {
  return flatten(list, prefix).find((entry) => entry.rule === rule)?.number;
}

function outline(version: RoomVersionRules): readonly Entry[] {
  const rules = version.auth;
  return [
    [
      'create.prev_events',
      rules.createImpliedByRoomId ? 'create.room_id_present' : 'create.room_id_domain',
      'create.version',
      rules.creatorIsSender ? undefined : 'create.creator',
      rules.privilegedCreators ? 'create.additional_creators' : undefined,
      'create.allow',
    ],
    rules.createImpliedByRoomId ? 'room.create_accepted' : undefined,
    [
      'auth_events.duplicate',
      'auth_events.unexpected',
      'auth_events.rejected',
      rules.createImpliedByRoomId ? undefined : 'auth_events.no_create',
      'auth_events.other_room',
    ],
    'room.federate',
    rules.specialAliases ? ['aliases.state_key', 'aliases.domain', 'aliases.allow'] : undefined,
    memberOutline(version),
    'sender.joined',
    ['third_party_invite.level'],
    'sender.level',
    'sender.state_key',
    powerLevelsOutline(version),
    rules.specialRedactions ? ['redaction.level', 'redaction.domain', 'redaction.otherwise'] : undefined,
    'otherwise',
  ];
}

function memberOutline(version: RoomVersionRules): readonly Entry[] {
  const { restrictedJoins, knocking } = version.auth;
  return [
    'member.malformed',
    restrictedJoins ? ['member.authoriser_signature'] : undefined,
    [
      'join.creator',
      'join.sender',
      'join.banned',
      'join.invited',
      restrictedJoins
        ? ['join.restricted_member', 'join.restricted_authoriser', 'join.restricted_allow']
        : undefined,
      'join.public',
      'join.otherwise',
    ],
    [
      [
        'invite.third_party_banned',
        'invite.third_party_signed',
        'invite.third_party_properties',
        'invite.third_party_mxid',
        'invite.third_party_event',
        'invite.third_party_sender',
        'invite.third_party_allow',
        'invite.third_party_otherwise',
      ],
      'invite.sender',
      'invite.target',
      'invite.allow',
      'invite.otherwise',
    ],
    ['leave.self', 'leave.sender', 'leave.unban', 'leave.kick', 'leave.otherwise'],
    ['ban.sender', 'ban.allow', 'ban.otherwise'],
    knocking ? ['knock.join_rule', 'knock.sender', 'knock.allow', 'knock.otherwise'] : undefined,
    'member.unknown',
  ];
}

function powerLevelsOutline(version: RoomVersionRules): readonly Entry[] {
  const { integerPowerLevels, privilegedCreators } = version.auth;
  return [
    integerPowerLevels ? 'power_levels.integers' : undefined,
    integerPowerLevels ? 'power_levels.maps' : undefined,
    'power_levels.users',
    privilegedCreators ? 'power_levels.creators' : undefined,
    'power_levels.first',
    ['power_levels.default_current', 'power_levels.default_new'],
    ['power_levels.map_current'],
    ['power_levels.map_new'],
    ['power_levels.user_current'],
    ['power_levels.user_new'],
    'power_levels.allow',
  ];
}
