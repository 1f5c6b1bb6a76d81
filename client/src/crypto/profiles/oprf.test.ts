import { ristretto255, ristretto255_hasher, ristretto255_oprf } from '@noble/curves/ed25519.js';
import { sha512 as nobleSha512 } from '@noble/hashes/sha2.js';
import { beforeAll, describe, expect, it } from 'vitest';
import { fromHex, toHex, utf8 } from '../primitives/bytes.ts';
import { systemRandom } from '../primitives/random.ts';
import {
  invertScalar,
  multiplyPoint,
  pointFromHash,
  randomScalar,
  sha512,
} from '../primitives/ristretto255.ts';
import { Secret } from '../primitives/secret.ts';
import { loadSodium } from '../primitives/sodium.ts';
import { blindInput, blindWith, finalize } from './oprf.ts';

beforeAll(loadSodium);

const { oprf } = ristretto255_oprf;

/** RFC 9497, appendix A.1.1: OPRF mode of ristretto255-SHA512. */
const SERVER_KEY = '5ebcea5ee37023ccb9fc2d2019f9d7737be85591ae8652ffa9ef0f4d37063b0e';
const BLIND = '64d37aed22a27f5191de1c1d69fadb899d8862b58eb4220029e036ec4c1f6706';
const VECTORS = [
  {
    input: '00',
    blinded: '609a0ae68c15a3cf6903766461307e5c8bb2f95e7e6550e1ffa2dc99e412803c',
    evaluated: '7ec6578ae5120958eb2db1745758ff379e77cb64fe77b0b2d8cc917ea0869c7e',
    output:
      '527759c3d9366f277d8c6020418d96bb393ba2afb20ff90df23fb7708264e2f3ab9135e3bd69955851de4b1f9fe8a0973396719b7912ba9ee8aa7d0b5e24bcf6',
  },
  {
    input: '5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a',
    blinded: 'da27ef466870f5f15296299850aa088629945a17d1f5b7f5ff043f76b3c06418',
    evaluated: 'b4cbf5a4f1eeda5a63ce7b77c7d23f461db3fcab0dd28e4e17cecb5c90d02c25',
    output:
      'f4a74c9c592497375e796aa837e907b1a045d34306a749db9f34221f7e750cb4f2a6413a6bf6fa5e19ba6348eb673934a722a7ede2e7621306d18951e7cf2c73',
  },
];

describe('the group', () => {
  it('is that of another implementation', () => {
    for (let i = 0; i < 20; i++) {
      const uniform = systemRandom(64);
      const point = pointFromHash(uniform);
      const other = ristretto255_hasher.deriveToCurve?.(uniform);
      expect(toHex(point)).toBe(other?.toHex());
      const scalar = randomScalar(systemRandom);
      const number = ristretto255.Point.Fn.fromBytes(scalar.expose());
      expect(toHex(multiplyPoint(scalar, point))).toBe(other?.multiply(number).toHex());
      const back = multiplyPoint(invertScalar(scalar), multiplyPoint(scalar, point));
      expect(toHex(back)).toBe(toHex(point));
    }
  });

  it('hashes like another implementation', () => {
    for (const size of [0, 1, 111, 112, 127, 128, 129, 5000]) {
      const data = systemRandom(size);
      expect(toHex(sha512(data))).toBe(toHex(nobleSha512(data)));
    }
  });

  it('refuses what is no point, the identity and zero', () => {
    const scalar = randomScalar(systemRandom);
    // RFC 9496, appendix A.2: non-canonical, negative, and not square.
    const bad = [
      '00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
      'f3ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
      '0100000000000000000000000000000000000000000000000000000000000000',
      '26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371',
      '00'.repeat(32),
    ];
    for (const point of bad)
      expect(() => multiplyPoint(scalar, fromHex(point))).toThrow('INVALID_PUBLIC_KEY');
    expect(() => multiplyPoint(scalar, new Uint8Array(31))).toThrow('INVALID_PUBLIC_KEY');
    expect(() => invertScalar(Secret.take('scalar', new Uint8Array(32)))).toThrow('INVALID_SECRET_KEY');
    const point = pointFromHash(systemRandom(64));
    expect(() => multiplyPoint(Secret.take('scalar', new Uint8Array(32)), point)).toThrow(
      'INVALID_PUBLIC_KEY',
    );
  });
});

describe('the blinded look-up', () => {
  it('gives the bytes of RFC 9497', () => {
    for (const { input, blinded, evaluated, output } of VECTORS) {
      const made = blindWith(fromHex(input), Secret.take('scalar', fromHex(BLIND)));
      expect(toHex(made.element)).toBe(blinded);
      expect(toHex(oprf.blindEvaluate(fromHex(SERVER_KEY), made.element))).toBe(evaluated);
      expect(toHex(finalize(made, fromHex(evaluated)))).toBe(output);
    }
  });

  it('agrees with a server of another implementation', () => {
    const { secretKey } = oprf.generateKeyPair();
    for (let i = 0; i < 20; i++) {
      const input = systemRandom(i * 7);
      const made = blindInput(input, systemRandom);
      const output = finalize(made, oprf.blindEvaluate(secretKey, made.element));
      // The other implementation by itself, under a blind of its own.
      const own = oprf.blind(input);
      const evaluated = oprf.blindEvaluate(secretKey, own.blinded);
      expect(toHex(output)).toBe(toHex(oprf.finalize(input, own.blind, evaluated)));
    }
  });

  it('asks differently each time, and can be answered once', () => {
    const { secretKey } = oprf.generateKeyPair();
    const [one, two] = [1, 2].map(() => blindInput(utf8('@alice:one.test'), systemRandom));
    if (one === undefined || two === undefined) throw new Error('two');
    expect(toHex(one.element)).not.toBe(toHex(two.element));
    const answer = oprf.blindEvaluate(secretKey, one.element);
    finalize(one, answer);
    expect(() => finalize(one, answer)).toThrow('SECRET_WIPED');
    // An answer that is none leaves the question open.
    expect(() => finalize(two, new Uint8Array(32))).toThrow('INVALID_PUBLIC_KEY');
    expect(() => finalize(two, oprf.blindEvaluate(secretKey, two.element))).not.toThrow();
  });
});
