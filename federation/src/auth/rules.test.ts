import { describe, expect, it } from 'vitest';
import { ROOM_VERSIONS, RULES, type RoomVersion } from '../room-versions/rules.ts';
import { parseRoomId } from '../spec/identifiers/room-id.ts';
import { parseServerName } from '../spec/identifiers/server-name.ts';
import {
  ALICE,
  BOB,
  create,
  EVE,
  firstJoin,
  firstLevels,
  IDENTITY,
  joinBy,
  knock,
  MOD,
  redaction,
  restrictedJoin,
  ROOT,
  Scene,
  thirdParty,
  TOKEN,
  userLevels,
} from '../testing/auth-scene.ts';
import { TestRoom, testSigner } from '../testing/event-factory.ts';
import { AUTH_RULES, type AuthDecision, type AuthRule } from './decision.ts';
import { numberedRules } from './rule-numbers.ts';

/** One case where the rule decides, and its neighbour, where it does not and the outcome is the opposite. */
type RuleCase = {
  readonly decides: (version: RoomVersion) => AuthDecision;
  readonly passesOver: (version: RoomVersion) => AuthDecision;
};

const RULE_CASES: Record<AuthRule, RuleCase> = {
  'create.prev_events': {
    decides: (v) => create(v, {}, { prevEvents: [new Scene(v).room.create.eventId] }),
    passesOver: (v) => create(v, {}),
  },
  'create.room_id_domain': {
    decides: (v) => create(v, {}, { roomId: parseRoomId('!room:b.example') }),
    passesOver: (v) => create(v, {}, { roomId: parseRoomId('!room:a.example') }),
  },
  'create.room_id_present': {
    decides: (v) => create(v, {}, { roomId: new Scene(v).room.roomId }),
    passesOver: (v) => create(v, {}),
  },
  'create.version': {
    decides: (v) => create(v, { room_version: 'org.example.unknown' }),
    passesOver: (v) => create(v, {}),
  },
  'create.creator': {
    decides: (v) => create(v, {}, {}, false),
    passesOver: (v) => create(v, {}),
  },
  'create.additional_creators': {
    decides: (v) => create(v, { additional_creators: [BOB, 'bob'] }),
    passesOver: (v) => create(v, { additional_creators: [BOB] }),
  },
  'create.allow': {
    decides: (v) => create(v, {}),
    passesOver: (v) => create(v, { room_version: 7 }),
  },
  'room.create_accepted': {
    decides: (v) => {
      const scene = new Scene(v);
      return scene.list(scene.properList, [], { pdu: scene.room.create, rejected: true });
    },
    passesOver: (v) => {
      const scene = new Scene(v);
      return scene.list(scene.properList);
    },
  },
  'auth_events.duplicate': {
    decides: (v) => {
      const scene = new Scene(v);
      const twin = scene.event({
        type: 'm.room.member',
        stateKey: BOB,
        sender: BOB,
        content: { membership: 'join' },
      });
      return scene.list([...scene.properList, twin]);
    },
    passesOver: (v) => {
      const scene = new Scene(v);
      return scene.list(scene.properList);
    },
  },
  'auth_events.unexpected': {
    decides: (v) => {
      const scene = new Scene(v);
      return scene.list([...scene.properList, scene.at('m.room.member', MOD)]);
    },
    passesOver: (v) => {
      const scene = new Scene(v);
      return scene.list(scene.properList.slice(0, -1));
    },
  },
  'auth_events.rejected': {
    decides: (v) => {
      const scene = new Scene(v);
      return scene.list(scene.properList, [scene.at('m.room.member', BOB)]);
    },
    passesOver: (v) => {
      const scene = new Scene(v);
      return scene.list(scene.properList, [scene.at('m.room.member', MOD)]);
    },
  },
  'auth_events.no_create': {
    decides: (v) => {
      const scene = new Scene(v);
      return scene.list(scene.properList.slice(1));
    },
    passesOver: (v) => {
      const scene = new Scene(v);
      return scene.list(scene.properList);
    },
  },
  'auth_events.other_room': {
    decides: (v) => {
      const scene = new Scene(v);
      const elsewhere = new TestRoom({ version: v, creator: '@alice:other.example' });
      const roomId = elsewhere.roomId;
      const levels = scene.event({
        type: 'm.room.power_levels',
        stateKey: '',
        sender: ALICE,
        content: {},
        roomId,
      });
      return scene.list(scene.properList.map((pdu) => (pdu.type === 'm.room.power_levels' ? levels : pdu)));
    },
    passesOver: (v) => {
      const scene = new Scene(v);
      return scene.list(scene.properList);
    },
  },
  'room.federate': {
    decides: (v) => new Scene(v, { create: { 'm.federate': false } }).sends(BOB, 'm.room.message'),
    passesOver: (v) => new Scene(v, { create: { 'm.federate': false } }).sends(MOD, 'm.room.message'),
  },
  'aliases.state_key': {
    decides: (v) => new Scene(v).sends(BOB, 'm.room.aliases', { aliases: [] }),
    passesOver: (v) => new Scene(v).sends(BOB, 'm.room.aliases', { aliases: [] }, 'b.example'),
  },
  'aliases.domain': {
    decides: (v) => new Scene(v).sends(BOB, 'm.room.aliases', { aliases: [] }, 'a.example'),
    passesOver: (v) => new Scene(v).sends(BOB, 'm.room.aliases', { aliases: [] }, 'b.example'),
  },
  'aliases.allow': {
    decides: (v) => new Scene(v).sends(EVE, 'm.room.aliases', { aliases: [] }, 'e.example'),
    passesOver: (v) => new Scene(v).sends(EVE, 'm.room.aliases', { aliases: [] }, 'b.example'),
  },
  'member.malformed': {
    decides: (v) => new Scene(v).sends(EVE, 'm.room.member', { membership: 'join' }),
    passesOver: (v) => new Scene(v).acts(EVE, 'join'),
  },
  'member.authoriser_signature': {
    decides: (v) => restrictedJoin(v, () => false),
    passesOver: (v) => restrictedJoin(v, (server) => server === parseServerName('b.example')),
  },
  'join.creator': {
    decides: (v) => firstJoin(v, ALICE),
    passesOver: (v) => firstJoin(v, BOB),
  },
  'join.sender': {
    decides: (v) => new Scene(v).acts(ALICE, 'join', EVE),
    passesOver: (v) => new Scene(v).acts(EVE, 'join', EVE),
  },
  'join.banned': {
    decides: (v) => new Scene(v).member(EVE, 'ban').acts(EVE, 'join'),
    passesOver: (v) => new Scene(v).member(EVE, 'leave').acts(EVE, 'join'),
  },
  'join.invited': {
    decides: (v) => joinBy(v, 'invite', 'invite'),
    passesOver: (v) => joinBy(v, 'invite', 'leave'),
  },
  'join.restricted_member': {
    decides: (v) => joinBy(v, 'restricted', 'invite'),
    passesOver: (v) => joinBy(v, 'restricted', 'leave'),
  },
  'join.restricted_authoriser': {
    decides: (v) => joinBy(v, 'restricted', 'leave', { join_authorised_via_users_server: EVE }),
    passesOver: (v) => joinBy(v, 'restricted', 'leave', { join_authorised_via_users_server: BOB }),
  },
  'join.restricted_allow': {
    decides: (v) =>
      joinBy(v, 'restricted', 'leave', { join_authorised_via_users_server: MOD }, { invite: 50 }),
    passesOver: (v) =>
      joinBy(v, 'restricted', 'leave', { join_authorised_via_users_server: BOB }, { invite: 50 }),
  },
  'join.public': {
    decides: (v) => joinBy(v, 'public', 'leave'),
    passesOver: (v) => joinBy(v, 'private', 'leave'),
  },
  'join.otherwise': {
    decides: (v) => joinBy(v, 'private', 'invite'),
    passesOver: (v) => joinBy(v, 'invite', 'invite'),
  },
  'invite.third_party_banned': {
    decides: (v) => {
      const { scene, invites } = thirdParty(v);
      scene.member(EVE, 'ban');
      return invites();
    },
    passesOver: (v) => thirdParty(v).invites(),
  },
  'invite.third_party_signed': {
    decides: (v) => thirdParty(v).invites(ALICE, { display_name: 'Eve' }),
    passesOver: (v) => thirdParty(v).invites(),
  },
  'invite.third_party_properties': {
    decides: (v) => thirdParty(v, ({ token: _token, ...rest }) => rest).invites(),
    passesOver: (v) => thirdParty(v).invites(),
  },
  'invite.third_party_mxid': {
    decides: (v) => thirdParty(v, (signed) => ({ ...signed, mxid: BOB })).invites(),
    passesOver: (v) => thirdParty(v).invites(),
  },
  'invite.third_party_event': {
    decides: (v) => thirdParty(v, (signed) => ({ ...signed, token: 'another' })).invites(),
    passesOver: (v) => thirdParty(v).invites(),
  },
  'invite.third_party_sender': {
    decides: (v) => thirdParty(v).invites(MOD),
    passesOver: (v) => thirdParty(v).invites(ALICE),
  },
  'invite.third_party_allow': {
    decides: (v) => {
      const { scene, invites } = thirdParty(v);
      const wrong = testSigner(parseServerName('wrong.example')).key.publicKey;
      const public_keys = [{ public_key: wrong }, { public_key: IDENTITY.key.publicKey }];
      scene.set('m.room.third_party_invite', TOKEN, { public_key: wrong, public_keys }, ALICE);
      return invites();
    },
    passesOver: (v) => {
      const { scene, invites } = thirdParty(v);
      scene.set('m.room.third_party_invite', TOKEN, { public_keys: [] }, ALICE);
      return invites();
    },
  },
  'invite.third_party_otherwise': {
    decides: (v) => thirdParty(v, (signed) => ({ ...signed, extra: 1 })).invites(),
    passesOver: (v) => thirdParty(v).invites(),
  },
  'invite.sender': {
    decides: (v) => new Scene(v).member(MOD, 'leave').acts(MOD, 'invite', EVE),
    passesOver: (v) => new Scene(v).acts(MOD, 'invite', EVE),
  },
  'invite.target': {
    decides: (v) => new Scene(v).member(EVE, 'ban').acts(ALICE, 'invite', EVE),
    passesOver: (v) => new Scene(v).member(EVE, 'leave').acts(ALICE, 'invite', EVE),
  },
  'invite.allow': {
    decides: (v) => new Scene(v).levels({ invite: 50 }).acts(MOD, 'invite', EVE),
    passesOver: (v) => new Scene(v).levels({ invite: 51 }).acts(MOD, 'invite', EVE),
  },
  'invite.otherwise': {
    decides: (v) => new Scene(v).levels({ invite: 1 }).acts(BOB, 'invite', EVE),
    passesOver: (v) => new Scene(v).levels({}).acts(BOB, 'invite', EVE),
  },
  'leave.self': {
    decides: (v) => new Scene(v).acts(EVE, 'leave'),
    passesOver: (v) => new Scene(v).acts(BOB, 'leave'),
  },
  'leave.sender': {
    decides: (v) => new Scene(v).member(MOD, 'leave').acts(MOD, 'leave', BOB),
    passesOver: (v) => new Scene(v).acts(MOD, 'leave', BOB),
  },
  'leave.unban': {
    decides: (v) => new Scene(v).levels({ ban: 60 }).member(EVE, 'ban').acts(MOD, 'leave', EVE),
    passesOver: (v) => new Scene(v).levels({ ban: 60 }).member(EVE, 'ban').acts(ROOT, 'leave', EVE),
  },
  'leave.kick': {
    decides: (v) => new Scene(v).acts(MOD, 'leave', BOB),
    passesOver: (v) => new Scene(v).acts(MOD, 'leave', ROOT),
  },
  'leave.otherwise': {
    decides: (v) => new Scene(v).levels({ users: { [MOD]: 50, [BOB]: 50 } }).acts(MOD, 'leave', BOB),
    passesOver: (v) => new Scene(v).levels({ users: { [MOD]: 50, [BOB]: 49 } }).acts(MOD, 'leave', BOB),
  },
  'ban.sender': {
    decides: (v) => new Scene(v).member(MOD, 'invite').acts(MOD, 'ban', BOB),
    passesOver: (v) => new Scene(v).acts(MOD, 'ban', BOB),
  },
  'ban.allow': {
    decides: (v) => new Scene(v).acts(MOD, 'ban', EVE),
    passesOver: (v) => new Scene(v).acts(BOB, 'ban', EVE),
  },
  'ban.otherwise': {
    decides: (v) => new Scene(v).acts(MOD, 'ban', ROOT),
    passesOver: (v) => new Scene(v).acts(MOD, 'ban', BOB),
  },
  'knock.join_rule': {
    decides: (v) => knock(v, 'public', 'leave'),
    passesOver: (v) => knock(v, 'knock', 'leave'),
  },
  'knock.sender': {
    decides: (v) => new Scene(v).set('m.room.join_rules', '', { join_rule: 'knock' }).acts(BOB, 'knock', EVE),
    passesOver: (v) =>
      new Scene(v).set('m.room.join_rules', '', { join_rule: 'knock' }).acts(EVE, 'knock', EVE),
  },
  'knock.allow': {
    decides: (v) => knock(v, 'knock', 'knock'),
    passesOver: (v) => knock(v, 'knock', 'ban'),
  },
  'knock.otherwise': {
    decides: (v) => knock(v, 'knock', 'invite'),
    passesOver: (v) => knock(v, 'knock', 'leave'),
  },
  'member.unknown': {
    decides: (v) => new Scene(v).acts(EVE, 'joined'),
    passesOver: (v) => new Scene(v).acts(EVE, 'join'),
  },
  'sender.joined': {
    decides: (v) => new Scene(v).member(EVE, 'invite').sends(EVE, 'm.room.message'),
    passesOver: (v) => new Scene(v).member(EVE, 'join').sends(EVE, 'm.room.message'),
  },
  'third_party_invite.level': {
    decides: (v) => new Scene(v).levels({ invite: 50 }).sends(BOB, 'm.room.third_party_invite', {}, TOKEN),
    passesOver: (v) => new Scene(v).levels({ invite: 50 }).sends(MOD, 'm.room.third_party_invite', {}, TOKEN),
  },
  'sender.level': {
    decides: (v) => new Scene(v).sends(BOB, 'm.room.topic', { topic: 'x' }, ''),
    passesOver: (v) => new Scene(v).sends(MOD, 'm.room.topic', { topic: 'x' }, ''),
  },
  'sender.state_key': {
    decides: (v) => new Scene(v).sends(MOD, 'org.example.note', {}, BOB),
    passesOver: (v) => new Scene(v).sends(MOD, 'org.example.note', {}, MOD),
  },
  'power_levels.integers': {
    decides: (v) => new Scene(v).changes(ALICE, { kick: '50' }),
    passesOver: (v) => new Scene(v).changes(ALICE, { kick: 51 }),
  },
  'power_levels.maps': {
    decides: (v) => new Scene(v).changes(ALICE, { events: { 'm.room.name': '50' } }),
    passesOver: (v) => new Scene(v).changes(ALICE, { events: { 'm.room.name': 50 } }),
  },
  'power_levels.users': {
    decides: (v) => new Scene(v, { powerLevels: 'none' }).changes(ALICE, { users: { bob: 50 } }),
    passesOver: (v) => new Scene(v, { powerLevels: 'none' }).changes(ALICE, { users: { [BOB]: 50 } }),
  },
  'power_levels.creators': {
    decides: (v) =>
      new Scene(v, { create: { additional_creators: [EVE] } }).changes(ALICE, { users: { [EVE]: 100 } }),
    passesOver: (v) =>
      new Scene(v, { create: { additional_creators: [EVE] } }).changes(ALICE, { users: { [BOB]: 100 } }),
  },
  'power_levels.first': {
    decides: (v) => firstLevels(v, ALICE),
    passesOver: (v) => firstLevels(v, BOB),
  },
  'power_levels.default_current': {
    decides: (v) => new Scene(v).levels({ ban: 51 }).changes(MOD, { ban: 50 }),
    passesOver: (v) => new Scene(v).levels({ ban: 50 }).changes(MOD, { ban: 49 }),
  },
  'power_levels.default_new': {
    decides: (v) => new Scene(v).levels({ ban: 50 }).changes(MOD, { ban: 51 }),
    passesOver: (v) => new Scene(v).levels({ ban: 49 }).changes(MOD, { ban: 50 }),
  },
  'power_levels.map_current': {
    decides: (v) => new Scene(v).levels({ events: { 'm.room.name': 51 } }).changes(MOD, {}),
    passesOver: (v) => new Scene(v).levels({ events: { 'm.room.name': 50 } }).changes(MOD, {}),
  },
  'power_levels.map_new': {
    decides: (v) => new Scene(v).changes(MOD, { events: { 'm.room.name': 51 } }),
    passesOver: (v) => new Scene(v).changes(MOD, { events: { 'm.room.name': 50 } }),
  },
  'power_levels.user_current': {
    decides: (v) => userLevels(v, { [MOD]: 50, [BOB]: 50 }, { [MOD]: 50, [BOB]: 1 }),
    passesOver: (v) => userLevels(v, { [MOD]: 50, [BOB]: 49 }, { [MOD]: 50, [BOB]: 1 }),
  },
  'power_levels.user_new': {
    decides: (v) => userLevels(v, { [MOD]: 50 }, { [MOD]: 50, [BOB]: 51 }),
    passesOver: (v) => userLevels(v, { [MOD]: 50 }, { [MOD]: 50, [BOB]: 50 }),
  },
  'power_levels.allow': {
    decides: (v) => userLevels(v, { [MOD]: 50 }, { [MOD]: 1 }),
    passesOver: (v) => userLevels(v, { [MOD]: 50 }, { [MOD]: 51 }),
  },
  'redaction.level': {
    decides: (v) => redaction(v, MOD, '$1:c.example'),
    passesOver: (v) => redaction(v, BOB, '$1:c.example'),
  },
  'redaction.domain': {
    decides: (v) => redaction(v, BOB, '$1:b.example'),
    passesOver: (v) => redaction(v, BOB, '$1:a.example'),
  },
  'redaction.otherwise': {
    decides: (v) => redaction(v, BOB, '$1:a.example'),
    passesOver: (v) => redaction(v, MOD, '$1:c.example'),
  },
  otherwise: {
    decides: (v) => new Scene(v).sends(BOB, 'm.room.message'),
    passesOver: (v) => new Scene(v).levels({ events_default: 1 }).sends(BOB, 'm.room.message'),
  },
};

/** Rules that both allow and reject say so in their name's section: "allow if and only if". */
const IF_AND_ONLY_IF: ReadonlySet<AuthRule> = new Set(['leave.self', 'third_party_invite.level']);
const ALLOWING: ReadonlySet<AuthRule> = new Set([
  'create.allow',
  'aliases.allow',
  'join.creator',
  'join.invited',
  'join.restricted_member',
  'join.restricted_allow',
  'join.public',
  'invite.third_party_allow',
  'invite.allow',
  'leave.kick',
  'ban.allow',
  'knock.allow',
  'power_levels.first',
  'power_levels.allow',
  'redaction.level',
  'redaction.domain',
  'otherwise',
]);

describe.each(ROOM_VERSIONS)('authorisation rules of room version %s', (version) => {
  const rules = numberedRules(RULES[version]);

  it.each(rules)('rule $number ($rule) decides', ({ rule }) => {
    const decision = RULE_CASES[rule].decides(version);
    expect(decision).toEqual({ allowed: ALLOWING.has(rule), rule });
  });

  it.each(rules)('rule $number ($rule) passes over its neighbour', ({ rule }) => {
    const decision = RULE_CASES[rule].passesOver(version);
    expect(decision.allowed).toBe(!ALLOWING.has(rule));
    // "If and only if": the same rule allows what it otherwise rejects.
    if (IF_AND_ONLY_IF.has(rule)) expect(decision.rule).toBe(rule);
    else expect(decision.rule).not.toBe(rule);
  });
});

it('every rule is on the page of some room version', () => {
  const numbered = new Set(
    ROOM_VERSIONS.flatMap((version) => numberedRules(RULES[version]).map(({ rule }) => rule)),
  );
  expect(Object.keys(AUTH_RULES).filter((rule) => !numbered.has(rule as AuthRule))).toEqual([]);
});
