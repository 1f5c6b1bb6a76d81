import { describe, expect, it } from 'vitest';
import { isAllowedByAcl, matchesGlob } from './server-acl.ts';

describe('globs', () => {
  it.each([
    ['example.org', 'example.org', true],
    ['example.org', 'EXAMPLE.ORG', false],
    ['a.example.org', '*.example.org', true],
    ['example.org', '*.example.org', false],
    ['example.org', '*', true],
    ['', '*', true],
    ['', '?', false],
    ['abc', 'a?c', true],
    ['ac', 'a?c', false],
    ['aXbXc', 'a*b*c', true],
    ['aXbX', 'a*b*c', false],
    ['example.org.evil', 'example.org', false],
    ['exampleXorg', 'example.org', false],
  ])('%s and %s: %s', (text, pattern, matches) => {
    expect(matchesGlob(text, pattern)).toBe(matches);
  });

  it('takes no time over a pattern made to cost some', () => {
    expect(matchesGlob('a'.repeat(250), `${'a*'.repeat(250)}b`)).toBe(false);
  });
});

describe('lists (spec: Client-Server API, Server ACLs)', () => {
  it('deny comes before allow, and what neither names is kept out', () => {
    const acl = { allow: ['*.org', 'both.net'], deny: ['bad.org', 'both.net'] };
    expect(isAllowedByAcl(acl, 'good.org')).toBe(true);
    expect(isAllowedByAcl(acl, 'bad.org')).toBe(false);
    expect(isAllowedByAcl(acl, 'both.net')).toBe(false);
    expect(isAllowedByAcl(acl, 'other.com')).toBe(false);
    expect(isAllowedByAcl({}, 'good.org')).toBe(false);
  });

  it('takes no notice of case and port', () => {
    expect(isAllowedByAcl({ allow: ['*'], deny: ['Evil.Example'] }, 'EVIL.example:8448')).toBe(false);
  });

  it('keeps IP literals out only where the list says so', () => {
    for (const name of ['127.0.0.1', '127.0.0.1:8448', '[::1]', '[::1]:8448']) {
      expect(isAllowedByAcl({ allow: ['*'], allow_ip_literals: false }, name)).toBe(false);
      expect(isAllowedByAcl({ allow: ['*'] }, name)).toBe(true);
    }
    expect(isAllowedByAcl({ allow: ['*'], allow_ip_literals: false }, 'example.org')).toBe(true);
  });

  it('passes over entries that are no patterns', () => {
    expect(isAllowedByAcl({ allow: [7, null, '*'], deny: 'evil.example' }, 'evil.example')).toBe(true);
    expect(isAllowedByAcl({ allow: 'all' }, 'example.org')).toBe(false);
  });
});
