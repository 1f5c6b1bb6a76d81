import { describe, expect, it } from 'vitest';
import { changeRule, effectiveRules, putRule, removeRule } from './edit-rules.ts';
import type { PushRule, Ruleset } from './types.ts';

const ME = '@me:example.org';
const fresh = (): Ruleset => effectiveRules(ME, undefined);
const rule = (id: string): PushRule => ({
  rule_id: id,
  default: false,
  enabled: true,
  actions: ['notify'],
  conditions: [],
});
const ids = (rules: Ruleset): string[] => rules.override.map(({ rule_id: id }) => id);
const own = (rules: Ruleset): string[] => ids(rules).filter((id) => !id.startsWith('.'));

describe('editing push rules', () => {
  it('puts new rules between the master rule and the other defaults, the newest first', () => {
    const rules = putRule(putRule(fresh(), 'override', rule('a'), {}), 'override', rule('b'), {});
    expect(ids(rules).slice(0, 4)).toEqual(['.m.rule.master', 'b', 'a', '.m.rule.suppress_notices']);
  });

  it('places rules before and after others', () => {
    const base = ['c', 'b', 'a'].reduce((rules, id) => putRule(rules, 'override', rule(id), {}), fresh());
    expect(own(putRule(base, 'override', rule('x'), { before: 'b' }))).toEqual(['a', 'x', 'b', 'c']);
    expect(own(putRule(base, 'override', rule('x'), { after: 'b' }))).toEqual(['a', 'b', 'x', 'c']);
    expect(own(putRule(base, 'override', rule('a'), { after: 'c' }))).toEqual(['b', 'c', 'a']);
    expect(own(putRule(base, 'override', rule('b'), {}))).toEqual(['a', 'b', 'c']);
    expect(() => putRule(base, 'override', rule('x'), { before: '.m.rule.master' })).toThrow('not found');
  });

  it('keeps a replaced rule disabled, and does not let defaults be replaced or removed', () => {
    const off = changeRule(putRule(fresh(), 'override', rule('a'), {}), 'override', 'a', { enabled: false });
    expect(putRule(off, 'override', rule('a'), {}).override[1]?.enabled).toBe(false);
    expect(() => putRule(fresh(), 'override', rule('.m.rule.master'), {})).toThrow('dot');
    expect(() => removeRule(fresh(), 'override', '.m.rule.master')).toThrow('cannot be removed');
    expect(() => removeRule(fresh(), 'override', 'a')).toThrow('no such push rule');
  });

  it('remembers what was changed about a default when the server brings newer ones', () => {
    const changed = changeRule(fresh(), 'underride', '.m.rule.message', { actions: [] });
    const stored = JSON.parse(JSON.stringify({ global: changed })) as { global: Record<string, PushRule[]> };
    stored.global.underride = (stored.global.underride ?? []).filter(
      ({ rule_id: id }) => id !== '.m.rule.call',
    );
    stored.global.override?.push({ ...rule('.m.rule.gone'), default: true });
    const now = effectiveRules(ME, stored);
    expect(now.underride.map(({ rule_id: id }) => id)).toContain('.m.rule.call');
    expect(now.underride.find(({ rule_id: id }) => id === '.m.rule.message')?.actions).toEqual([]);
    expect(ids(now)).not.toContain('.m.rule.gone');
  });
});
