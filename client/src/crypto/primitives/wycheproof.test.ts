import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';

import { fromHex, toHex } from './bytes.ts';
import { ed25519Verify } from './ed25519.ts';
import { PrimitiveError } from './errors.ts';
import { hmacSha256 } from './hash.ts';
import { hkdfSha256 } from './hkdf.ts';
import { checkMlKemSecret, mlKemDecapsulate, mlKemEncapsulate, mlKemFromSeed } from './ml-kem.ts';
import { Secret } from './secret.ts';
import { loadSodium } from './sodium.ts';
import { x25519 } from './x25519.ts';
import { xchachaOpen, xchachaSeal } from './xchacha.ts';

beforeAll(loadSodium);

const hex = z.string().transform((text) => fromHex(text));

const rawSet = z.object({
  numberOfTests: z.number(),
  testGroups: z.array(z.looseObject({ tests: z.array(z.looseObject({})) })),
});
const common = {
  tcId: z.number(),
  comment: z.string().default(''),
  result: z.enum(['valid', 'invalid', 'acceptable']),
};

/**
 * Reads a set, each test with its group's fields beside its own, and fails when it holds another number of tests
 * than it says: a truncated set proves nothing.
 */
const load = <S extends z.ZodType>(name: string, schema: S): z.output<S>[] => {
  const file = new URL(`../vectors/wycheproof/${name}_test.json.gz`, import.meta.url);
  const set = rawSet.parse(JSON.parse(gunzipSync(readFileSync(file)).toString()));
  const cases = set.testGroups.flatMap((group) => group.tests.map((test) => ({ ...group, ...test })));
  expect(cases).toHaveLength(set.numberOfTests);
  return z.array(schema).parse(cases);
};

/** The outcome of `act`: its value, or the code of the named error. Anything else fails the test. */
const outcome = <T>(act: () => T): T | string => {
  try {
    return act();
  } catch (error) {
    if (error instanceof PrimitiveError) return error.code;
    throw error;
  }
};

describe('Wycheproof', () => {
  it('x25519: every shared secret, and every low-order point refused', () => {
    const cases = load(
      'x25519',
      z.object({ ...common, public: hex, private: hex, shared: hex, flags: z.array(z.string()) }),
    );
    let refused = 0;
    for (const { tcId, flags, shared, ...keys } of cases) {
      const got = outcome(() => toHex(x25519(Secret.copy('x25519', keys.private), keys.public).expose()));
      const zero = flags.includes('ZeroSharedSecret');
      if (zero) refused++;
      expect(got, `tcId ${tcId}`).toBe(zero ? 'LOW_ORDER_POINT' : toHex(shared));
    }
    expect(refused).toBeGreaterThan(20);
  });

  it('ed25519: verification', () => {
    const cases = load(
      'ed25519',
      z.object({ ...common, msg: hex, sig: hex, publicKey: z.object({ pk: hex }) }),
    );
    for (const { tcId, comment, msg, sig, result, publicKey } of cases)
      expect(ed25519Verify(publicKey.pk, msg, sig), `tcId ${tcId} ${comment}`).toBe(result === 'valid');
  });

  it('hkdf-sha256', () => {
    const cases = load(
      'hkdf_sha256',
      z.object({ ...common, ikm: hex, salt: hex, info: hex, size: z.number(), okm: hex }),
    );
    for (const { tcId, ikm, salt, info, size, okm, result } of cases) {
      const got = outcome(() => toHex(hkdfSha256({ ikm, salt, info, length: size })));
      expect(got, `tcId ${tcId}`).toBe(result === 'valid' ? toHex(okm) : 'BAD_LENGTH');
    }
  });

  it('hmac-sha256', () => {
    const cases = load(
      'hmac_sha256',
      z.object({ ...common, key: hex, msg: hex, tag: hex, tagSize: z.number() }),
    );
    for (const { tcId, key, msg, tag, result, tagSize } of cases) {
      const got = toHex(hmacSha256(key, msg).subarray(0, tagSize / 8));
      expect(got === toHex(tag), `tcId ${tcId}`).toBe(result === 'valid');
    }
  });

  it('xchacha20-poly1305: both directions', () => {
    const cases = load(
      'xchacha20_poly1305',
      z.object({ ...common, key: hex, iv: hex, aad: hex, msg: hex, ct: hex, tag: hex }),
    );
    for (const { tcId, key, iv, aad, msg, ct, tag, result } of cases) {
      const input = { key, nonce: iv, aad };
      const whole = toHex(ct) + toHex(tag);
      const opened = outcome(() => toHex(xchachaOpen(input, fromHex(whole))));
      if (result === 'valid') {
        expect(opened, `tcId ${tcId}`).toBe(toHex(msg));
        expect(toHex(xchachaSeal(input, msg)), `tcId ${tcId}`).toBe(whole);
      } else expect(opened, `tcId ${tcId}`).toMatch(/^(AUTHENTICATION_FAILED|BAD_LENGTH)$/);
    }
  });

  it('ml-kem-768: key generation from seeds', () => {
    for (const { tcId, seed, ek, dk } of load(
      'mlkem_768_keygen_seed',
      z.object({ ...common, seed: hex, ek: hex, dk: hex }),
    )) {
      const pair = mlKemFromSeed(seed);
      expect(toHex(pair.public), `tcId ${tcId}`).toBe(toHex(ek));
      expect(toHex(pair.secret.expose()), `tcId ${tcId}`).toBe(toHex(dk));
    }
  });

  it('ml-kem-768: encapsulation, with every key out of range refused', () => {
    const cases = load('mlkem_768_encaps', z.object({ ...common, m: hex, ek: hex, c: hex, K: hex }));
    for (const { tcId, m, ek, c, K, result } of cases) {
      const got = outcome(() => {
        const { ciphertext, shared } = mlKemEncapsulate(ek, () => m.slice());
        return toHex(ciphertext) + toHex(shared.expose());
      });
      if (result === 'valid') expect(got, `tcId ${tcId}`).toBe(toHex(c) + toHex(K));
      else expect(got, `tcId ${tcId}`).toMatch(/^(INVALID_PUBLIC_KEY|BAD_LENGTH)$/);
    }
  });

  it('ml-kem-768: decapsulation, with implicit rejection', () => {
    for (const { tcId, seed, c, K, result } of load(
      'mlkem_768',
      z.object({ ...common, seed: hex, c: hex, K: hex }),
    )) {
      const got = outcome(() => toHex(mlKemDecapsulate(mlKemFromSeed(seed).secret, c).expose()));
      expect(got, `tcId ${tcId}`).toBe(result === 'valid' ? toHex(K) : 'BAD_LENGTH');
    }
  });

  it('ml-kem-768: expanded private keys are checked', () => {
    const cases = load(
      'mlkem_768_semi_expanded_decaps',
      z.object({ ...common, dk: hex, c: hex, K: hex.optional() }),
    );
    for (const { tcId, dk, c, K, result } of cases) {
      const got = outcome(() => {
        const secret = Secret.copy('ml-kem-768', dk);
        checkMlKemSecret(secret);
        return toHex(mlKemDecapsulate(secret, c).expose());
      });
      if (result === 'valid') expect(got, `tcId ${tcId}`).toBe(K && toHex(K));
      else expect(got, `tcId ${tcId}`).toMatch(/^(BAD_LENGTH|INVALID_SECRET_KEY)$/);
    }
  });
});
