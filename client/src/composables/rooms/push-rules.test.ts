import { describe, expect, it } from 'vitest';
import { isSilenced, roomMode, tells } from './push-rules.ts';

const rules = (global: Record<string, unknown>) => ({ global });
const rule = (id: string, actions: unknown[], enabled: unknown = true) => ({ rule_id: id, actions, enabled });

describe('push rules', () => {
  it('say how much a room tells', () => {
    expect(roomMode(undefined, '!r:x')).toBe('all');
    expect(roomMode(rules({ room: [rule('!r:x', ['notify'])] }), '!r:x')).toBe('all');
    expect(roomMode(rules({ room: [rule('!r:x', [])] }), '!r:x')).toBe('mentions');
    expect(roomMode(rules({ room: [rule('!other:x', [])] }), '!r:x')).toBe('all');
    expect(roomMode(rules({ override: [rule('!r:x', [])], room: [rule('!r:x', ['notify'])] }), '!r:x')).toBe(
      'mute',
    );
    expect(roomMode(rules({ override: [rule('!r:x', [], false)] }), '!r:x')).toBe('all');
  });

  it('say what is told about anywhere', () => {
    const off = rules({
      underride: [rule('.m.rule.message', ['notify'], false), rule('.m.rule.encrypted', ['notify'], false)],
    });
    expect(tells(off, 'rooms')).toBe(false);
    expect(tells(off, 'direct')).toBe(true);
    expect(tells(undefined, 'mentions')).toBe(true);
    expect(isSilenced(rules({ override: [rule('.m.rule.master', [], true)] }))).toBe(true);
    expect(isSilenced(rules({ override: [rule('.m.rule.master', [], false)] }))).toBe(false);
  });

  it('are not upset by rules of wrong shape', () => {
    for (const broken of [
      {},
      { global: 5 },
      { global: { override: 'x', room: [null, 5, { rule_id: 7 }] } },
    ]) {
      expect(roomMode(broken, '!r:x')).toBe('all');
      expect(tells(broken, 'invites')).toBe(true);
      expect(isSilenced(broken)).toBe(false);
    }
  });
});
