import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { ed25519 } from '@noble/curves/ed25519.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { beforeAll, describe, expect, it } from 'vitest';
import { fromBase64, toBase64 } from '../primitives/base64.ts';
import { concat, fromHex, toHex, utf8 } from '../primitives/bytes.ts';
import { generateEd25519 } from '../primitives/ed25519.ts';
import { systemRandom } from '../primitives/random.ts';
import { Secret } from '../primitives/secret.ts';
import { loadSodium } from '../primitives/sodium.ts';
import {
  MAX_BIO,
  MAX_NAME,
  openProfile,
  profileVersion,
  sealProfile,
  type Profile,
  type ProfileField,
  type ProfileKey,
} from './blob.ts';

beforeAll(loadSodium);

const ALICE = '@alice:one.test';
const newKey = (): ProfileKey => Secret.take('profile-key', systemRandom(32));
const u32 = (value: number): Uint8Array => {
  const out = new Uint8Array(4);
  new DataView(out.buffer).setUint32(0, value);
  return out;
};
const text = (value: string): Uint8Array => concat(u32(utf8(value).length), utf8(value));
const profile: Profile = {
  name: 'Alice Liddell',
  bio: 'Down the rabbit hole 🐇',
  avatar: {
    url: 'mxc://one.test/abc',
    mimetype: 'image/webp',
    file: {
      v: 'chat.nyx.file.v1',
      key: toBase64(systemRandom(32)),
      nonce: toBase64(systemRandom(16)),
      chunk: 65_536,
      size: 12_345,
      sha256: toBase64(systemRandom(32)),
    },
  },
  time: 1_790_000_000_000,
};

const made = () => {
  const signer = generateEd25519(systemRandom);
  const key = newKey();
  return { signer, key, field: sealProfile(ALICE, key, profile, signer.secret, systemRandom) };
};

/** Changes one bit of the named part of a field. */
const flip = (field: ProfileField, part: 'version' | 'nonce' | 'ciphertext', at: number): ProfileField => {
  const bytes = fromBase64(field[part]);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  return { ...field, [part]: toBase64(bytes) };
};

describe('a sealed profile', () => {
  it('comes back whole', () => {
    const { signer, key, field } = made();
    expect(openProfile(ALICE, key, JSON.parse(JSON.stringify(field)), signer.public)).toEqual(profile);
    const bare = { name: '', bio: '', avatar: undefined, time: 0 };
    const empty = sealProfile(ALICE, key, bare, signer.secret, systemRandom);
    expect(openProfile(ALICE, key, empty, signer.public)).toEqual(bare);
  });

  it('is named by HKDF-SHA-256 of its key, as another implementation computes it', () => {
    const key = newKey();
    const expected = hkdf(sha256, key.expose(), undefined, utf8('profver'), 32).subarray(0, 16);
    expect(toHex(profileVersion(key))).toBe(toHex(expected));
    const zero = Secret.take<'profile-key'>('profile-key', new Uint8Array(32));
    // Written down once: a change of it would lock everybody out.
    expect(toHex(profileVersion(zero))).toBe('8f559b8ae634019a6b9e78741c28f262');
  });

  it('has the bytes that another implementation opens and checks', () => {
    const { signer, key, field } = made();
    const content = hkdf(sha256, key.expose(), undefined, utf8('chat.nyx/profile/1'), 32);
    const version = fromBase64(field.version);
    const aad = concat(text('chat.nyx/profile/1'), text(ALICE), version);
    const plain = xchacha20poly1305(content, fromBase64(field.nonce), aad).decrypt(
      fromBase64(field.ciphertext),
    );
    expect(plain.length).toBe(4096);
    const length = new DataView(plain.buffer, plain.byteOffset).getUint32(0);
    const body = plain.subarray(68, 68 + length);
    const signed = concat(text('chat.nyx/profile-sig/1'), text(ALICE), version, u32(length), body);
    expect(ed25519.verify(plain.subarray(4, 68), signed, signer.public)).toBe(true);
    const time = fromHex(profile.time.toString(16).padStart(16, '0'));
    expect(toHex(body).startsWith(toHex(concat(Uint8Array.of(1), time, text(profile.name))))).toBe(true);
  });

  it('is as long as every other, and never twice the same', () => {
    const { signer, key } = made();
    const fields = ['', 'a', 'a'.repeat(MAX_NAME)].flatMap((name) =>
      ['', 'b'.repeat(MAX_BIO), '語'.repeat(MAX_BIO)].map((bio) =>
        sealProfile(ALICE, key, { ...profile, name, bio }, signer.secret, systemRandom),
      ),
    );
    expect(new Set(fields.map(({ ciphertext }) => ciphertext.length)).size).toBe(1);
    expect(new Set(fields.map(({ ciphertext }) => ciphertext)).size).toBe(fields.length);
    expect(new Set(fields.map(({ version }) => version)).size).toBe(1);
  });

  it('is refused when it is too large or the picture is none', () => {
    const { signer, key } = made();
    const seal = (change: Partial<Profile>) => () =>
      sealProfile(ALICE, key, { ...profile, ...change }, signer.secret, systemRandom);
    expect(seal({ name: 'a'.repeat(MAX_NAME + 1) })).toThrow('TOO_LARGE');
    expect(seal({ bio: 'a'.repeat(MAX_BIO + 1) })).toThrow('TOO_LARGE');
    const avatar = profile.avatar;
    if (avatar === undefined) throw new Error('has one');
    expect(seal({ avatar: { ...avatar, mimetype: 'image/svg+xml' } })).toThrow('MALFORMED');
    expect(seal({ avatar: { ...avatar, url: 'https://tracker.test/a.png' } })).toThrow('MALFORMED');
  });
});

describe('a profile that is not what its owner wrote', () => {
  it('is refused with any part changed', () => {
    const { signer, key, field } = made();
    const open = (bad: unknown) => () => openProfile(ALICE, key, bad, signer.public);
    for (let at = 0; at < 4112; at += 257) expect(open(flip(field, 'ciphertext', at))).toThrow('TAMPERED');
    expect(open(flip(field, 'nonce', 3))).toThrow('TAMPERED');
    expect(open(flip(field, 'version', 3))).toThrow('OTHER_VERSION');
    for (const bad of [undefined, null, 1, [], {}, { ...field, v: 'chat.nyx.profile.v2' }])
      expect(open(bad)).toThrow('MALFORMED');
    expect(open({ ...field, ciphertext: field.ciphertext.slice(1) })).toThrow('MALFORMED');
    expect(open({ ...field, ciphertext: '*'.repeat(5483) })).toThrow('MALFORMED');
  });

  it('is refused under another key, and for another user', () => {
    const { signer, key, field } = made();
    const other = newKey();
    expect(() => openProfile(ALICE, other, field, signer.public)).toThrow('OTHER_VERSION');
    const renamed = { ...field, version: toBase64(profileVersion(other)) };
    expect(() => openProfile(ALICE, other, renamed, signer.public)).toThrow('TAMPERED');
    expect(() => openProfile('@bob:one.test', key, field, signer.public)).toThrow('TAMPERED');
  });

  it('is refused when a contact, who has the key, wrote it', () => {
    const { signer, key } = made();
    const contact = generateEd25519(systemRandom);
    const forged = sealProfile(ALICE, key, { ...profile, name: 'Mallory' }, contact.secret, systemRandom);
    expect(() => openProfile(ALICE, key, forged, signer.public)).toThrow('NOT_SIGNED');
  });
});
