import { inspect } from 'node:util';

import { argon2id as nobleArgon2id } from '@noble/hashes/argon2.js';
import { blake2b as nobleBlake2b } from '@noble/hashes/blake2.js';
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js';
import { ml_kem768_x25519 as xwing } from '@noble/post-quantum/hybrid.js';
import { beforeAll, describe, expect, it } from 'vitest';

import { argon2id } from './argon2id.ts';
import { fromBase64, fromBase64Url, toBase64, toBase64Url } from './base64.ts';
import { fromHex, toHex, utf8 } from './bytes.ts';
import { Reader, Writer } from './codec.ts';
import { ed25519FromSeed, ed25519Sign, ed25519Verify } from './ed25519.ts';
import { blake2b, hmacSha256, sha256 } from './hash.ts';
import { hkdfExpand, hkdfSha256 } from './hkdf.ts';
import { MAX_PADDED_CONTENT, pad, PADDING_BUCKETS, unpad } from './padding.ts';
import { systemRandom } from './random.ts';
import { Secret } from './secret.ts';
import { loadSodium } from './sodium.ts';
import { generateX25519, x25519, x25519PublicKey } from './x25519.ts';
import { xchachaOpen, xchachaSeal } from './xchacha.ts';
import { generateXWing, xwingDecapsulate, xwingEncapsulate } from './xwing.ts';

beforeAll(loadSodium);

const scalar = (hex: string) => Secret.take('x25519', fromHex(hex));

describe('RFC 7748: X25519', () => {
  it.each([
    [
      'a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4',
      'e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c',
      'c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552',
    ],
    [
      '4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d',
      'e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493',
      '95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957',
    ],
  ])('section 5.2', (k, u, out) => {
    expect(toHex(x25519(scalar(k), fromHex(u)).expose())).toBe(out);
  });

  it('section 5.2, 1,000 iterations', () => {
    const nine = '0900000000000000000000000000000000000000000000000000000000000000';
    let k = fromHex(nine);
    let u = fromHex(nine);
    for (let i = 0; i < 1000; i++) {
      const next = x25519(Secret.copy('x25519', k), u).expose();
      u = k;
      k = next;
    }
    expect(toHex(k)).toBe('684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51');
  });

  it('section 6.1, key agreement', () => {
    const alice = scalar('77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a');
    const bob = scalar('5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb');
    const a = '8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a';
    const b = 'de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f';
    expect(toHex(x25519PublicKey(alice))).toBe(a);
    expect(toHex(x25519PublicKey(bob))).toBe(b);
    const shared = '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742';
    expect(toHex(x25519(alice, fromHex(b)).expose())).toBe(shared);
    expect(toHex(x25519(bob, fromHex(a)).expose())).toBe(shared);
  });

  // Encodings of the points of small order on the curve and its twist, and zero: https://cr.yp.to/ecdh.html#validate
  it.each([
    '0000000000000000000000000000000000000000000000000000000000000000',
    '0100000000000000000000000000000000000000000000000000000000000000',
    'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
    '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  ])('refuses the low-order point %s', (point) => {
    const { secret } = generateX25519(systemRandom);
    expect(() => x25519(secret, fromHex(point))).toThrow('LOW_ORDER_POINT');
  });
});

describe('RFC 8032: Ed25519, section 7.1', () => {
  it.each([
    [
      '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
      'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
      '',
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
    ],
    [
      '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
      '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
      '72',
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
    ],
    [
      'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
      'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
      'af82',
      '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
    ],
  ])('seed %s', (seed, publicKey, message, signature) => {
    const pair = ed25519FromSeed(fromHex(seed));
    expect(toHex(pair.public)).toBe(publicKey);
    expect(toHex(ed25519Sign(pair.secret, fromHex(message)))).toBe(signature);
    expect(ed25519Verify(pair.public, fromHex(message), fromHex(signature))).toBe(true);
    expect(ed25519Verify(pair.public, utf8('other'), fromHex(signature))).toBe(false);
    expect(ed25519Verify(new Uint8Array(32), fromHex(message), fromHex(signature))).toBe(false);
  });
});

describe('RFC 5869: HKDF-SHA-256, appendix A', () => {
  const range = (from: number, to: number) => Uint8Array.from({ length: to - from + 1 }, (_, i) => from + i);
  it.each([
    {
      ikm: new Uint8Array(22).fill(0x0b),
      salt: range(0x00, 0x0c),
      info: range(0xf0, 0xf9),
      okm: '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
    },
    {
      ikm: range(0x00, 0x4f),
      salt: range(0x60, 0xaf),
      info: range(0xb0, 0xff),
      okm: 'b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87',
    },
    {
      ikm: new Uint8Array(22).fill(0x0b),
      salt: new Uint8Array(0),
      info: new Uint8Array(0),
      okm: '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8',
    },
  ])('case $#', ({ okm, ...input }) => {
    expect(toHex(hkdfSha256({ ...input, length: okm.length / 2 }))).toBe(okm);
  });

  it('expands as extract-and-expand does', () => {
    const salt = utf8('salt');
    const ikm = utf8('input');
    const prk = hmacSha256(salt, ikm);
    const info = utf8('info');
    expect(hkdfExpand(prk, info, 70)).toEqual(hkdfSha256({ ikm, salt, info, length: 70 }));
  });
});

describe('RFC 4231: HMAC-SHA-256', () => {
  const fill = (length: number, value: number) => new Uint8Array(length).fill(value);
  it.each([
    [fill(20, 0x0b), utf8('Hi There'), 'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7'],
    [
      utf8('Jefe'),
      utf8('what do ya want for nothing?'),
      '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    ],
    [fill(20, 0xaa), fill(50, 0xdd), '773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe'],
    [
      fill(131, 0xaa),
      utf8('Test Using Larger Than Block-Size Key - Hash Key First'),
      '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54',
    ],
    [
      fill(131, 0xaa),
      utf8(
        'This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm.',
      ),
      '9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2',
    ],
  ])('case $#', (key, data, mac) => {
    expect(toHex(hmacSha256(key, data))).toBe(mac);
  });
});

describe('against other implementations', () => {
  it('SHA-256 and BLAKE2b (FIPS 180-4, RFC 7693 appendix A)', () => {
    expect(toHex(sha256(utf8('abc')))).toBe(
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    );
    expect(toHex(blake2b(64, utf8('abc')))).toBe(
      'ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d17d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923',
    );
    for (const length of [0, 1, 127, 128, 129, 4096, 200_000]) {
      const data = systemRandom(length);
      const key = systemRandom(32);
      expect(blake2b(16, data, key)).toEqual(nobleBlake2b(data, { dkLen: 16, key }));
      expect(sha256(data)).toEqual(nobleSha256(data));
    }
  });

  it('Argon2id (RFC 9106) agrees with another implementation', () => {
    const salt = systemRandom(16);
    const passphrase = utf8('correct horse battery staple');
    const ours = argon2id(passphrase, salt, { passes: 2, memoryKiB: 256 });
    expect(ours.expose()).toEqual(nobleArgon2id(passphrase, salt, { t: 2, m: 256, p: 1, dkLen: 32 }));
    expect(() => argon2id(passphrase, salt, { passes: 2, memoryKiB: 2 ** 21 })).toThrow('BAD_LENGTH');
  });

  it('X-Wing agrees with another implementation in both directions', () => {
    const pair = generateXWing(systemRandom);
    const theirs = xwing.encapsulate(pair.public);
    expect(xwingDecapsulate(pair.secret, theirs.cipherText).expose()).toEqual(theirs.sharedSecret);
    const other = xwing.keygen();
    const ours = xwingEncapsulate(other.publicKey, systemRandom);
    expect(xwing.decapsulate(ours.ciphertext, other.secretKey)).toEqual(ours.shared.expose());
  });

  it('X-Wing refuses a ciphertext or a key with a low-order point', () => {
    const pair = generateXWing(systemRandom);
    const { ciphertext } = xwingEncapsulate(pair.public, systemRandom);
    expect(() => xwingDecapsulate(pair.secret, ciphertext.fill(0, 1088))).toThrow('LOW_ORDER_POINT');
    expect(() => xwingEncapsulate(pair.public.fill(0, 1184), systemRandom)).toThrow('INVALID_PUBLIC_KEY');
  });
});

describe('authenticated encryption', () => {
  const input = { key: new Uint8Array(32).fill(1), nonce: new Uint8Array(24).fill(2), aad: utf8('header') };

  it('opens what it sealed, also beyond the scratch area', () => {
    for (const length of [0, 1, 64, 65_536, 300_000]) {
      const text = systemRandom(length);
      expect(xchachaOpen(input, xchachaSeal(input, text))).toEqual(text);
    }
  });

  it('refuses every single changed byte, and short input', () => {
    const sealed = xchachaSeal(input, utf8('hello'));
    for (let i = 0; i < sealed.length; i++) {
      const bad = sealed.slice();
      bad[i] = (bad[i] ?? 0) ^ 1;
      expect(() => xchachaOpen(input, bad)).toThrow('AUTHENTICATION_FAILED');
    }
    expect(() => xchachaOpen(input, new Uint8Array(15))).toThrow('AUTHENTICATION_FAILED');
    expect(() => xchachaOpen({ ...input, aad: utf8('other') }, sealed)).toThrow('AUTHENTICATION_FAILED');
  });
});

describe('Secret', () => {
  it('shows nothing in text, JSON, inspection or enumeration', () => {
    const secret = Secret.take('chain-key', new Uint8Array(32).fill(0x41));
    const shown = [
      String(secret),
      JSON.stringify({ secret }),
      inspect({ secret }, { showHidden: true, depth: 9 }),
    ];
    for (const text of shown) {
      expect(text).toContain('[Secret chain-key]');
      expect(text).not.toMatch(/41|65|AAAA/);
    }
    expect(Object.values(secret)).not.toContainEqual(secret.expose());
  });

  it('is unusable after a wipe, and the bytes it adopted are zero', () => {
    const bytes = systemRandom(32);
    {
      using secret = Secret.take('x25519', bytes);
      expect(secret.expose()).toBe(bytes);
    }
    expect(bytes).toEqual(new Uint8Array(32));
    const secret = Secret.copy('x25519', bytes);
    secret.wipe();
    expect(() => secret.expose()).toThrow('SECRET_WIPED');
  });
});

describe('text forms', () => {
  it('base64 agrees with Node and refuses every second spelling', () => {
    for (let length = 0; length < 70; length++) {
      const bytes = systemRandom(length);
      const text = toBase64(bytes);
      expect(text).toBe(Buffer.from(bytes).toString('base64').replaceAll('=', ''));
      expect(fromBase64(text)).toEqual(bytes);
      expect(toBase64Url(bytes)).toBe(Buffer.from(bytes).toString('base64url'));
      expect(fromBase64Url(toBase64Url(bytes))).toEqual(bytes);
    }
    for (const bad of ['A', 'AB==', 'AB', 'AAB', 'A A=', 'AA\n', 'AA-_', 'ÀAAA', 'AAAA\u0100'])
      expect(() => fromBase64(bad), bad).toThrow('BAD_BASE64');
  });

  it('hexadecimal', () => {
    expect(toHex(fromHex('00ff10'))).toBe('00ff10');
    for (const bad of ['0', 'zz', '0x']) expect(() => fromHex(bad)).toThrow('BAD_HEX');
  });
});

describe('codec', () => {
  it('reads back what it wrote and insists on every byte', () => {
    const bytes = new Writer(4)
      .u8(7)
      .u16(300)
      .u32(0xffffffff)
      .u64(Number.MAX_SAFE_INTEGER)
      .flag(true)
      .text('né')
      .optional(undefined, (w, v: number) => w.u8(v))
      .optional(9, (w, v) => w.u8(v))
      .list([1, 2], (w, v) => w.u8(v))
      .finish();
    const read = (input: Uint8Array) => {
      const r = new Reader(input);
      const out = [r.u8(), r.u16(), r.u32(), r.u64(), r.flag(), r.text(10)];
      const rest = [r.optional((x) => x.u8()), r.optional((x) => x.u8()), r.list(2, (x) => x.u8())];
      r.end();
      return [...out, ...rest];
    };
    expect(read(bytes)).toEqual([
      7,
      300,
      0xffffffff,
      Number.MAX_SAFE_INTEGER,
      true,
      'né',
      undefined,
      9,
      [1, 2],
    ]);
    for (let i = 0; i < bytes.length; i++) expect(() => read(bytes.subarray(0, i))).toThrow('TRUNCATED');
    expect(() => read(Uint8Array.of(...bytes, 0))).toThrow('TRAILING_BYTES');
  });

  it('bounds lengths, integers and text before it allocates', () => {
    const reader = (...bytes: number[]) => new Reader(Uint8Array.from(bytes));
    expect(() => reader(255, 255, 255, 255).bytes(10)).toThrow('FIELD_TOO_LONG');
    expect(() => reader(255, 255, 255, 255).list(10, (r) => r.u8())).toThrow('FIELD_TOO_LONG');
    expect(() => reader(255, 255, 255, 255, 255, 255, 255, 255).u64()).toThrow('BAD_VALUE');
    expect(() => reader(2).flag()).toThrow('BAD_VALUE');
    expect(() => reader(0, 0, 0, 1, 0xff).text(10)).toThrow('BAD_UTF8');
  });
});

describe('padding', () => {
  it('fits 1,000 texts into at most six sizes and gives them back', () => {
    const sizes = new Set<number>();
    for (let i = 0; i < 1000; i++) {
      const text = systemRandom(Math.floor((MAX_PADDED_CONTENT * i * i) / 998_001));
      const padded = pad(text);
      sizes.add(padded.length);
      expect(unpad(padded)).toEqual(text);
    }
    expect(sizes.size).toBe(PADDING_BUCKETS.length);
    expect(PADDING_BUCKETS.length).toBeLessThanOrEqual(6);
    expect(() => pad(new Uint8Array(MAX_PADDED_CONTENT + 1))).toThrow('TOO_LONG');
  });

  it('refuses what pad would not have written', () => {
    const padded = pad(utf8('hello'));
    const change = (at: number, value: number) => {
      const bad = padded.slice();
      bad[at] = value;
      return bad;
    };
    for (const bad of [change(0, 255), change(2, 2), change(511, 1), padded.subarray(1), new Uint8Array(3)])
      expect(() => unpad(bad)).toThrow('BAD_PADDING');
  });
});
