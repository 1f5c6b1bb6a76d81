import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBase64, decodeBase64Url, encodeBase64, encodeBase64Url } from '../json/base64.ts';
import { runs } from '../testing/properties.ts';
import { IdentifierError } from '../spec/identifiers/brand.ts';
import { KeyFormatError, keyVersionOf, SigningKey, VerifyKey } from './keys.ts';
import { signingKeyIds, verifyJson } from './verify-json.ts';

const SEED = Buffer.from('YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1', 'base64');

describe('signing keys', () => {
  const key = SigningKey.fromSeed('1', SEED);

  it('tell nobody their secret', () => {
    const hidden = [SEED.toString('hex'), SEED.toString('base64').slice(0, 20)];
    for (const text of [
      key.toString(),
      JSON.stringify({ key }),
      inspect(key),
      inspect({ key }, { depth: 5, showHidden: true }),
    ]) {
      for (const secret of hidden) expect(text).not.toContain(secret);
      expect(text).toContain('ed25519:1');
    }
    expect(Object.keys(key).sort()).toEqual(['keyId', 'publicKey']);
  });

  it('are made of 32 bytes and a proper version', () => {
    expect(() => SigningKey.fromSeed('1', SEED.subarray(1))).toThrow(KeyFormatError);
    expect(() => SigningKey.fromSeed('a:b', SEED)).toThrow(IdentifierError);
    expect(keyVersionOf(key.publicKey)).toMatch(/^n[0-9a-f]{8}$/);
  });

  it('sign what their public half verifies, bytes or text', () => {
    const verify = VerifyKey.fromBase64(key.publicKey);
    const signature = key.sign('ünï');
    expect(signature).toMatch(/^[A-Za-z0-9+/]{86}$/);
    expect(verify?.verify(Buffer.from('ünï'), signature)).toBe(true);
    expect(verify?.verify('ünï', signature + '==')).toBe(true);
    expect(verify?.verify('uni', signature)).toBe(false);
  });

  it('never take a signature that is written otherwise', () => {
    const verify = VerifyKey.fromBase64(key.publicKey);
    const signature = key.sign('x');
    const last = signature.at(-1) ?? '';
    // The same 64 bytes with other padding bits, other alphabets, white space, or cut off.
    const next = { A: 'B', Q: 'R', g: 'h', w: 'x' }[last] ?? '';
    for (const other of [
      signature.slice(0, -1) + next,
      signature + '=',
      ` ${signature}`,
      signature.slice(0, -1),
      '',
      signature + 'A',
      signature.replaceAll('/', '_') + '\n',
    ]) {
      expect(verify?.verify('x', other)).toBe(false);
    }
  });

  it('public keys are 32 bytes, padded or not', () => {
    expect(VerifyKey.fromBase64(key.publicKey + '=')).toBeDefined();
    expect(VerifyKey.fromBase64(key.publicKey)).toBe(VerifyKey.fromBase64(key.publicKey));
    for (const bad of [
      '',
      'AAAA',
      key.publicKey.slice(1),
      key.publicKey + 'AA',
      '!'.repeat(43),
      'A'.repeat(1_000_000),
    ]) {
      expect(VerifyKey.fromBase64(bad)).toBeUndefined();
    }
  });
});

describe('checking signatures on JSON (spec: Appendices, Checking for a Signature)', () => {
  const key = SigningKey.fromSeed('1', SEED);
  const other = SigningKey.fromSeed('2', Buffer.alloc(32, 7));
  const object = { a: 1, unsigned: { b: 2 } };
  const good = key.sign('{"a":1}');
  const keys = (keyId: string) =>
    VerifyKey.fromBase64(
      keyId === 'ed25519:1' ? key.publicKey : keyId === 'ed25519:2' ? other.publicKey : '',
    );
  const check = (signatures: Record<string, unknown>) =>
    verifyJson({ ...object, signatures: { me: signatures } } as never, 'me', keys);

  it('wants one that is known, and skips what it does not know', () => {
    expect(check({ 'ed25519:1': good })).toEqual({ ok: true });
    expect(check({ 'ed25519:1': good, 'ed25519:unknown': 'x', 'rsa:1': 'x', nonsense: 1 })).toEqual({
      ok: true,
    });
    expect(check({ 'ed25519:1': good, 'ed25519:2': other.sign('{"a":1}') })).toEqual({ ok: true });
    for (const none of [{}, { 'ed25519:unknown': good }, { 'rsa:1': good }]) {
      expect(check(none)).toEqual({ ok: false, problem: 'missing' });
    }
    expect(verifyJson(object, 'me', keys)).toEqual({ ok: false, problem: 'missing' });
    expect(verifyJson({ ...object, signatures: { you: { 'ed25519:1': good } } }, 'me', keys)).toEqual({
      ok: false,
      problem: 'missing',
    });
  });

  it('wants all of those to fit', () => {
    for (const bad of [good.slice(0, -1), '', 7, null, other.sign('{"a":1}')]) {
      expect(check({ 'ed25519:1': bad })).toEqual({ ok: false, problem: 'invalid' });
    }
    expect(check({ 'ed25519:1': good, 'ed25519:2': good })).toEqual({ ok: false, problem: 'invalid' });
  });

  it('looks at sixteen signatures of an entity, not at seventeen', () => {
    const many = (count: number) => ({
      ...Object.fromEntries(Array.from({ length: count - 1 }, (_, index) => [`ed25519:u${index}`, 'x'])),
      'ed25519:1': good,
    });
    expect(check(many(16))).toEqual({ ok: true });
    expect(check(many(17))).toEqual({ ok: false, problem: 'too_many' });
  });

  it('lists the keys to fetch', () => {
    const signatures = { me: { 'ed25519:1': good, 'rsa:1': 'x', 'ed25519:new': 'x' } };
    expect(signingKeyIds({ ...object, signatures }, 'me')).toEqual(['ed25519:1', 'ed25519:new']);
    expect(signingKeyIds(object, 'me')).toEqual([]);
  });
});

it('Base64 is that of the specification (Appendices, Unpadded Base64)', () => {
  const examples = {
    '': '',
    f: 'Zg',
    fo: 'Zm8',
    foo: 'Zm9v',
    foob: 'Zm9vYg',
    fooba: 'Zm9vYmE',
    foobar: 'Zm9vYmFy',
  };
  for (const [plain, encoded] of Object.entries(examples)) {
    expect(encodeBase64(Buffer.from(plain))).toBe(encoded);
    expect(Buffer.from(decodeBase64(encoded) ?? []).toString()).toBe(plain);
  }
  expect(Buffer.from(decodeBase64('Zg==') ?? []).toString()).toBe('f');
  for (const bad of ['Z', 'Zm9v!', 'Zm 9v', 'Zg===', '=', 'Zm9v-_'])
    expect(decodeBase64(bad)).toBeUndefined();
  expect(encodeBase64Url(Buffer.from([251, 255]))).toBe('-_8');
  expect(decodeBase64Url('-_8')).toEqual(Uint8Array.of(251, 255));
  expect(decodeBase64Url('+/8')).toBeUndefined();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 20_000 }), (bytes) => {
      const [standard, urlSafe] = [encodeBase64(bytes), encodeBase64Url(bytes)];
      expect(standard).toBe(Buffer.from(bytes).toString('base64').replace(/=+$/, ''));
      expect(urlSafe).toBe(Buffer.from(bytes).toString('base64url'));
      expect(decodeBase64(standard)).toEqual(bytes);
      expect(decodeBase64Url(urlSafe)).toEqual(bytes);
    }),
    runs(50),
  );
});
