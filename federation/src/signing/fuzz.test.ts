import fc from 'fast-check';
import { expect, it } from 'vitest';
import { canonicalJson } from '../json/canonical.ts';
import { isJsonObject, ownObject, ownString, withoutKeys, type JsonObject } from '../json/value.ts';
import { makeServerKeyId } from '../spec/identifiers/key-id.ts';
import { parseServerName } from '../spec/identifiers/server-name.ts';
import { mutate, path, replacement } from '../testing/mutate-json.ts';
import { runs } from '../testing/properties.ts';
import { SigningKey, VerifyKey } from './keys.ts';
import { publishServerKeys, readServerKeys } from './server-keys.ts';
import { signJson } from './sign-json.ts';
import { verifyJson } from './verify-json.ts';
import { buildXMatrix, parseXMatrix, verifyXMatrix } from './x-matrix.ts';

const NOW = 1_700_000_000_000;
const server = parseServerName('peer.org');
const key = SigningKey.fromSeed('a', Buffer.alloc(32, 1));
const signer = { server, key };
const verifyKey = VerifyKey.fromBase64(key.publicKey);
const covered = new Set(['signatures', 'unsigned']);

/** Whether nothing that the signature covers has changed, nor the signature. */
function isUntouched(mutated: JsonObject, original: JsonObject): boolean {
  const own = (json: JsonObject) => {
    const entry = ownObject(ownObject(json, 'signatures') ?? {}, server);
    return entry && ownString(entry, key.keyId);
  };
  try {
    return (
      canonicalJson(withoutKeys(mutated, covered)) === canonicalJson(withoutKeys(original, covered)) &&
      own(mutated) === own(original)
    );
  } catch {
    return false;
  }
}

it('no published keys are taken once a byte of them was touched', () => {
  const published = publishServerKeys(signer, NOW + 1000, [
    { keyId: makeServerKeyId('old'), publicKey: key.publicKey, expiredAt: NOW - 1000 },
  ]);
  expect(readServerKeys(published, server, NOW)).toBeDefined();
  fc.assert(
    fc.property(path, replacement, (way, put) => {
      const mutated = mutate(published, way, put);
      if (!isJsonObject(mutated)) return;
      const read = readServerKeys(mutated, server, NOW);
      if (read !== undefined) expect(isUntouched(mutated, published)).toBe(true);
    }),
    runs(2000),
  );
});

it('no signed JSON verifies once a byte of it was touched', () => {
  const signed = signJson({ a: { b: [1, 'two', null] }, ü: {}, unsigned: { age: 1 } }, signer);
  fc.assert(
    fc.property(path, replacement, (way, put) => {
      const mutated = mutate(signed, way, put);
      if (!isJsonObject(mutated)) return;
      if (verifyJson(mutated, server, () => verifyKey).ok) expect(isUntouched(mutated, signed)).toBe(true);
    }),
    runs(2000),
  );
});

it('no request is taken once a character of its header was touched', () => {
  const request = { method: 'PUT', uri: '/_matrix/x', destination: 'here.org', content: '{}' };
  const header = buildXMatrix(signer, request);
  const original = parseXMatrix(header, 'here.org');
  fc.assert(
    fc.property(fc.nat(header.length - 1), fc.string({ maxLength: 2 }), (at, put) => {
      const parsed = parseXMatrix(header.slice(0, at) + put + header.slice(at + 1), 'here.org');
      if (typeof parsed === 'string' || verifyKey === undefined) return;
      if (verifyXMatrix(parsed, request, verifyKey)) {
        // What was touched means nothing: blanks, case, quotes. It may name a key that is not looked up here, or no
        // destination: that is signed, too.
        const { keyId } = key;
        expect({ ...parsed, keyId, destination: parsed.destination ?? 'here.org' }).toEqual(original);
      }
    }),
    runs(5000),
  );
});
