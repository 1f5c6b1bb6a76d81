import { describe, expect, it } from 'vitest';
import { ROOM_VERSIONS, RULES, type RoomVersion } from '../room-versions/rules.ts';
import { redactEvent } from './redact.ts';
import type { JsonObject } from './value.ts';

/** Every top-level key that some room version protects, and some that none does. */
const TOP_LEVEL = [
  'event_id type room_id sender state_key content hashes signatures depth prev_events prev_state auth_events origin',
  'origin_server_ts membership redacts unsigned age replaces_state __proto__ toString',
]
  .join(' ')
  .split(' ');

const BASE =
  'event_id type room_id sender state_key content hashes signatures depth prev_events auth_events origin_server_ts'.split(
    ' ',
  );

const event = (type: string, content: JsonObject): JsonObject => ({
  ...Object.fromEntries(TOP_LEVEL.map((key) => [key, `value of ${key}`])),
  type,
  content,
});

const from = (first: number, kept: string) => (version: RoomVersion) =>
  Number(version) >= first ? kept.split(' ') : [];

/** What the pages of the room versions say stays of each type's content. */
const CONTENT: Record<string, readonly ((version: RoomVersion) => string[])[]> = {
  'm.room.member': [from(1, 'membership'), from(9, 'join_authorised_via_users_server')],
  'm.room.create': [(version) => (Number(version) < 11 ? ['creator'] : ALL)],
  'm.room.join_rules': [from(1, 'join_rule'), from(8, 'allow')],
  'm.room.power_levels': [
    from(1, 'ban events events_default kick redact state_default users users_default'),
    from(11, 'invite'),
  ],
  'm.room.aliases': [(version) => (Number(version) < 6 ? ['aliases'] : [])],
  'm.room.history_visibility': [from(1, 'history_visibility')],
  'm.room.redaction': [from(11, 'redacts')],
  'm.room.message': [],
  'm.room.server_acl': [],
  'm.room.encryption': [],
  toString: [],
};

const ALL = [
  'membership join_authorised_via_users_server creator join_rule allow ban events events_default kick redact',
  'state_default users users_default invite notifications aliases history_visibility redacts body reason algorithm',
  'displayname room_version m.federate predecessor additional_creators __proto__ constructor',
]
  .join(' ')
  .split(' ');

describe.each(ROOM_VERSIONS)('redaction in room version %s', (version) => {
  const rules = RULES[version];

  it('keeps the protected keys and no others', () => {
    const old = Number(version) < 11 ? ['prev_state', 'origin', 'membership'] : [];
    const redacted = redactEvent(rules, event('m.room.message', { body: 'x' }));
    expect(Object.keys(redacted).sort()).toEqual([...BASE, ...old].sort());
    expect(redacted.content).toEqual({});
    expect(redacted.sender).toBe('value of sender');
  });

  it.each(Object.keys(CONTENT))('keeps of %s what its page says', (type) => {
    const content = Object.fromEntries(ALL.map((key) => [key, `value of ${key}`]));
    const kept = (CONTENT[type] ?? []).flatMap((part) => part(version));
    const redacted = redactEvent(rules, event(type, content)).content;
    expect(Object.keys(redacted ?? {}).sort()).toEqual([...new Set(kept)].sort());
  });

  it('keeps the signed part of a third-party invite from version 11 on', () => {
    const invite = { display_name: 'Eve', signed: { mxid: '@eve:e.example', token: 't' } };
    const content = (value: JsonObject | string) => ({ membership: 'invite', third_party_invite: value });
    const redacted = (value: JsonObject | string) =>
      redactEvent(rules, event('m.room.member', content(value))).content;
    const isNew = Number(version) >= 11;
    expect(redacted(invite)).toEqual(
      isNew
        ? { membership: 'invite', third_party_invite: { signed: invite.signed } }
        : { membership: 'invite' },
    );
    expect(redacted({})).toEqual(isNew ? content({}) : { membership: 'invite' });
    expect(redacted('x')).toEqual({ membership: 'invite' });
  });

  it('changes nothing the second time, nor the event given', () => {
    for (const type of Object.keys(CONTENT)) {
      const original = event(type, Object.fromEntries(ALL.map((key) => [key, 1])));
      const copy = structuredClone(original);
      const once = redactEvent(rules, original);
      expect(original).toEqual(copy);
      expect(redactEvent(rules, once)).toEqual(once);
    }
  });
});
