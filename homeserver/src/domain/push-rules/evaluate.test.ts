import { describe, expect, it } from 'vitest';
import { defaultRuleset } from './default-rules.ts';
import type { PushEvent, PushRoom } from './evaluate.ts';
import { compileRules, propertyPath } from './evaluate.ts';
import type { PushCondition, PushRule, Ruleset } from './types.ts';

const ME = '@me:example.org';
const room: PushRoom = { memberCount: () => 5, displayName: () => 'Dr. M*', senderMayNotify: () => false };
const pair: PushRoom = { ...room, memberCount: () => 2 };

const event = (fields: Record<string, unknown>): PushEvent => ({
  type: 'm.room.message',
  sender: '@you:example.org',
  room_id: '!r:example.org',
  content: {},
  ...fields,
});

const only = (condition: PushCondition): Ruleset => ({
  override: [{ rule_id: 'x', default: false, enabled: true, conditions: [condition], actions: ['notify'] }],
  content: [],
  room: [],
  sender: [],
  underride: [],
});

/** Whether an event matches one condition. */
const holds = (condition: PushCondition, fields: Record<string, unknown>, where = room): boolean =>
  compileRules(ME, only(condition))(event(fields), where).notify;

describe('conditions', () => {
  it.each([
    ['lunc?*', 'Lunch plans', true],
    ['lunc?*', 'LUNCH', true],
    ['lunc?*', ' lunch', false],
    ['lunc?*', 'lunc', false],
    ['lunc?*', null, false],
    ['*', undefined, false],
    ['', '', true],
    ['a.c', 'abc', false],
    ['a*c', 'a\nc', true],
  ])('event_match %j on the topic %j is %j', (pattern, topic, expected) => {
    expect(holds({ kind: 'event_match', key: 'content.topic', pattern }, { content: { topic } })).toBe(
      expected,
    );
  });

  it.each([
    ['ex*ple', 'An example event.', true],
    ['ex*ple', 'exple', true],
    ['ex*ple', 'An exciting triple-whammy', true],
    ['cake', 'pancakes', false],
    ['cake', 'a cake!', true],
    ['cake', 'CAKE', true],
    ['cake', 'cake_mix', false],
    ['naïve', 'so naïve.', true],
  ])('event_match %j in the body %j is %j', (pattern, body, expected) => {
    expect(holds({ kind: 'event_match', key: 'content.body', pattern }, { content: { body } })).toBe(
      expected,
    );
  });

  it.each([
    [{ 'm.federate': true }, true],
    [{ 'm.federate': 'true' }, false],
    [{ 'm.federate': 1 }, false],
    [{ m: { federate: true } }, false],
  ])('event_property_is on %j is %j', (content, expected) => {
    expect(holds({ kind: 'event_property_is', key: 'content.m\\.federate', value: true }, { content })).toBe(
      expected,
    );
  });

  it('event_property_contains compares whole values', () => {
    const condition = { kind: 'event_property_contains', key: 'content.list', value: 'b' };
    expect(holds(condition, { content: { list: ['a', 'b'] } })).toBe(true);
    expect(holds(condition, { content: { list: ['ab'] } })).toBe(false);
    expect(holds(condition, { content: { list: 'b' } })).toBe(false);
  });

  it.each([
    ['2', true],
    ['==2', true],
    ['>2', false],
    ['>=2', true],
    ['<3', true],
    ['<=1', false],
    ['two', false],
    ['', false],
  ])('room_member_count %j of two is %j', (is, expected) => {
    expect(holds({ kind: 'room_member_count', is }, {}, pair)).toBe(expected);
  });

  it('contains_display_name takes the name as text', () => {
    const condition = { kind: 'contains_display_name' };
    expect(holds(condition, { content: { body: 'hi Dr. M*!' } })).toBe(true);
    expect(holds(condition, { content: { body: 'hi Dr. Mx' } })).toBe(false);
    expect(holds(condition, { content: { body: 'x' } }, { ...room, displayName: () => undefined })).toBe(
      false,
    );
  });

  it('matches nothing by a condition that is unknown or malformed', () => {
    expect(holds({ kind: 'org.example.future' }, {})).toBe(false);
    expect(holds({ kind: 'event_match', key: 'type' }, {})).toBe(false);
    expect(holds({ kind: 'event_property_is', key: 'type', value: {} }, {})).toBe(false);
  });

  it('does not look up inherited properties', () => {
    expect(holds({ kind: 'event_match', key: 'constructor.name', pattern: '*' }, {})).toBe(false);
  });

  it('takes no long time over a hostile pattern', () => {
    const condition = { kind: 'event_match', key: 'content.body', pattern: `${'a*'.repeat(400)}b` };
    const started = performance.now();
    holds(condition, { content: { body: 'a'.repeat(60_000) } });
    expect(performance.now() - started).toBeLessThan(10_000);
  });
});

describe('property paths', () => {
  it.each([
    ['content.body', ['content', 'body']],
    ['content.m\\.relates_to', ['content', 'm.relates_to']],
    ['m\\\\foo', ['m\\foo']],
    ['m\\x', ['m\\x']],
  ])('splits %j', (key, parts) => {
    expect(propertyPath(key)).toEqual(parts);
  });
});

describe('the default rules', () => {
  const judge = compileRules(ME, defaultRuleset(ME));

  it('notify of messages, with a sound between two', () => {
    expect(judge(event({}), room)).toMatchObject({ notify: true, sound: undefined, highlight: false });
    expect(judge(event({}), pair)).toMatchObject({ notify: true, sound: 'default' });
    expect(judge(event({ type: 'm.room.encrypted' }), pair)).toMatchObject({
      notify: true,
      sound: 'default',
    });
  });

  it('keep quiet about notices, edits, reactions, members and my own', () => {
    expect(judge(event({ content: { msgtype: 'm.notice' } }), room).notify).toBe(false);
    const edit = { 'm.relates_to': { rel_type: 'm.replace' } };
    expect(judge(event({ content: edit }), room).notify).toBe(false);
    expect(judge(event({ type: 'm.reaction' }), room).notify).toBe(false);
    expect(
      judge(event({ type: 'm.room.member', state_key: '@x:y', content: { membership: 'join' } }), room)
        .notify,
    ).toBe(false);
    expect(judge(event({ sender: ME }), room).notify).toBe(false);
    expect(judge(event({ type: 'org.example.other' }), room).notify).toBe(false);
  });

  it('highlight mentions of me, of the room by those who may, and upgrades', () => {
    const mention = { 'm.mentions': { user_ids: [ME] } };
    expect(judge(event({ content: mention }), room)).toMatchObject({ highlight: true, sound: 'default' });
    const everybody = { 'm.mentions': { room: true } };
    expect(judge(event({ content: everybody }), room).highlight).toBe(false);
    expect(judge(event({ content: everybody }), { ...room, senderMayNotify: () => true }).highlight).toBe(
      true,
    );
    expect(judge(event({ type: 'm.room.tombstone', state_key: '' }), room).highlight).toBe(true);
    expect(judge(event({ type: 'm.room.tombstone' }), room).notify).toBe(false);
  });

  it('notify of invites to me', () => {
    const invite = { type: 'm.room.member', state_key: ME, content: { membership: 'invite' } };
    expect(judge(event(invite), room)).toMatchObject({ notify: true, sound: 'default' });
  });
});

describe('the order of rules', () => {
  const rule = (id: string, fields: Partial<PushRule>): PushRule => ({
    rule_id: id,
    default: false,
    enabled: true,
    actions: [],
    ...fields,
  });

  it('lets the first kind that matches decide', () => {
    const base = defaultRuleset(ME);
    const muted = { ...base, room: [rule('!r:example.org', {})] };
    expect(compileRules(ME, muted)(event({}), room).notify).toBe(false);
    const word = {
      ...muted,
      content: [rule('w', { pattern: 'urgent', actions: ['notify', { set_tweak: 'highlight' }] })],
    };
    expect(compileRules(ME, word)(event({ content: { body: 'Urgent!' } }), room).highlight).toBe(true);
    const off = { ...base, override: base.override.map((one) => ({ ...one, enabled: true })) };
    expect(compileRules(ME, off)(event({}), pair).notify).toBe(false);
  });
});
