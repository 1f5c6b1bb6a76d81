import { describe, expect, it } from 'vitest';
import { parseServerName } from '../spec/identifiers/server-name.ts';
import type { JsonObject } from '../json/value.ts';
import { matchesGlob, readServerAcl } from './server-acl.ts';

const lets = (content: JsonObject | undefined, server: string) =>
  readServerAcl(content)(parseServerName(server));

describe('server ACLs (spec: m.room.server_acl)', () => {
  it.each<[content: JsonObject | undefined, server: string, allowed: boolean]>([
    [undefined, 'evil.example', true],
    [{}, 'a.example', false],
    [{ allow: ['*'] }, 'a.example', true],
    [{ allow: ['*'], deny: ['evil.example'] }, 'evil.example', false],
    [{ allow: ['*'], deny: ['evil.example'] }, 'evil.example:8448', false],
    [{ allow: ['*'], deny: ['EVIL.example'] }, 'evil.EXAMPLE', false],
    [{ allow: ['*'], deny: ['*.evil.example'] }, 'evil.example', true],
    [{ allow: ['*'], deny: ['*.evil.example'] }, 'very.evil.example', false],
    [{ allow: ['a?c.example'] }, 'abc.example', true],
    [{ allow: ['a?c.example'] }, 'ac.example', false],
    [{ allow: ['*'], allow_ip_literals: false }, '1.2.3.4', false],
    [{ allow: ['*'], allow_ip_literals: false }, '[::1]:8448', false],
    [{ allow: ['*'], allow_ip_literals: false }, '1.2.3.4.example', true],
    [{ allow: ['*'], allow_ip_literals: 'no' }, '1.2.3.4', true],
    [{ allow: ['[::1]'] }, '[::1]:8448', true],
    [{ allow: 'a.example' }, 'a.example', false],
    [{ allow: [1, null, 'a.example'] }, 'a.example', true],
    [{ allow: ['a.example', 'b.example'], deny: ['*'] }, 'a.example', false],
    [{ allow: ['a.example'] }, 'axexample', false],
  ])('%j, %s: %s', (content, server, allowed) => {
    expect(lets(content, server)).toBe(allowed);
  });

  it('is not slowed down by nested stars', () => {
    const pattern = '*a'.repeat(2000) + 'b';
    const start = performance.now();
    expect(matchesGlob(pattern, 'a'.repeat(250))).toBe(false);
    expect(performance.now() - start).toBeLessThan(50);
  });
});
