import type { PushAction, PushCondition, PushRule, Ruleset } from './types.ts';

const rule = (
  id: string,
  conditions: readonly PushCondition[],
  actions: readonly PushAction[],
  enabled = true,
): PushRule => ({ rule_id: id, default: true, enabled, conditions, actions });

const matches = (key: string, pattern: string): PushCondition => ({ kind: 'event_match', key, pattern });

const SOUND = { set_tweak: 'sound', value: 'default' } as const;
const RING = { set_tweak: 'sound', value: 'ring' } as const;
const HIGHLIGHT = { set_tweak: 'highlight' } as const;
const IN_PAIRS: PushCondition = { kind: 'room_member_count', is: '2' };

/** The rule that goes before even the user's own. */
export const MASTER_RULE_ID = '.m.rule.master';

/** The rules every user begins with (spec: Client-Server API, Predefined Rules, v1.17 and later). */
export const defaultRuleset = (userId: string): Ruleset => ({
  override: [
    rule(MASTER_RULE_ID, [], [], false),
    rule('.m.rule.suppress_notices', [matches('content.msgtype', 'm.notice')], []),
    rule(
      '.m.rule.invite_for_me',
      [
        matches('type', 'm.room.member'),
        matches('content.membership', 'invite'),
        matches('state_key', userId),
      ],
      ['notify', SOUND],
    ),
    rule('.m.rule.member_event', [matches('type', 'm.room.member')], []),
    rule(
      '.m.rule.is_user_mention',
      [{ kind: 'event_property_contains', key: 'content.m\\.mentions.user_ids', value: userId }],
      ['notify', SOUND, HIGHLIGHT],
    ),
    rule(
      '.m.rule.is_room_mention',
      [
        { kind: 'event_property_is', key: 'content.m\\.mentions.room', value: true },
        { kind: 'sender_notification_permission', key: 'room' },
      ],
      ['notify', HIGHLIGHT],
    ),
    rule(
      '.m.rule.tombstone',
      [matches('type', 'm.room.tombstone'), matches('state_key', '')],
      ['notify', HIGHLIGHT],
    ),
    rule('.m.rule.reaction', [matches('type', 'm.reaction')], []),
    rule('.m.rule.room.server_acl', [matches('type', 'm.room.server_acl'), matches('state_key', '')], []),
    rule(
      '.m.rule.suppress_edits',
      [{ kind: 'event_property_is', key: 'content.m\\.relates_to.rel_type', value: 'm.replace' }],
      [],
    ),
  ],
  content: [],
  room: [],
  sender: [],
  underride: [
    rule('.m.rule.call', [matches('type', 'm.call.invite')], ['notify', RING]),
    rule(
      '.m.rule.encrypted_room_one_to_one',
      [IN_PAIRS, matches('type', 'm.room.encrypted')],
      ['notify', SOUND],
    ),
    rule('.m.rule.room_one_to_one', [IN_PAIRS, matches('type', 'm.room.message')], ['notify', SOUND]),
    rule('.m.rule.message', [matches('type', 'm.room.message')], ['notify']),
    rule('.m.rule.encrypted', [matches('type', 'm.room.encrypted')], ['notify']),
  ],
});
