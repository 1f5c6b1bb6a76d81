import { beforeAll, describe, expect, it } from 'vitest';
import { fromBase64, toBase64 } from '../primitives/base64.ts';
import { systemRandom } from '../primitives/random.ts';
import { Secret } from '../primitives/secret.ts';
import { loadSodium } from '../primitives/sodium.ts';
import { cardKeys, openCard, sealCard } from './card.ts';
import { decodeInvite, encodeInvite } from './invite-code.ts';

beforeAll(loadSodium);

describe('the code of a person', () => {
  const code = (withKey: boolean) => ({
    userId: '@alice:one.test',
    masterKey: systemRandom(32),
    profileKey: withKey ? Secret.take<'profile-key'>('profile-key', systemRandom(32)) : undefined,
    invite: systemRandom(16),
  });

  it('comes back, with a profile key and without', () => {
    for (const made of [code(true), code(false)]) {
      const read = decodeInvite(encodeInvite(made));
      expect({ ...read, profileKey: read.profileKey?.expose() }).toEqual({
        ...made,
        profileKey: made.profileKey?.expose(),
      });
    }
  });

  it('is refused when cut, extended, or something else', () => {
    const payload = encodeInvite(code(false));
    for (let length = 0; length < payload.length; length++)
      expect(() => decodeInvite(payload.subarray(0, length))).toThrow('BAD_QR');
    expect(() => decodeInvite(Uint8Array.of(...payload, 0))).toThrow('BAD_QR');
    expect(() => decodeInvite(systemRandom(200))).toThrow('BAD_QR');
  });
});

describe('a row of the directory', () => {
  const card = { userId: '@alice:one.test', masterKey: systemRandom(32) };

  it('opens with the output of the look-up that named it, and with no other', () => {
    const output = systemRandom(64);
    const { id, key } = cardKeys(output);
    const sealed = sealCard(card, key, systemRandom);
    expect(sealed).toHaveLength(736);
    expect(openCard(sealed, cardKeys(output).key)).toEqual(card);
    const other = cardKeys(systemRandom(64));
    expect(other.id).not.toBe(id);
    expect(() => openCard(sealed, other.key)).toThrow('TAMPERED');
  });

  it('tells nothing by its length, and is refused when changed', () => {
    const { key } = cardKeys(systemRandom(64));
    const long = { ...card, userId: `@${'a'.repeat(200)}:one.test` };
    expect(sealCard(long, key, systemRandom)).toHaveLength(736);
    const bytes = fromBase64(sealCard(card, key, systemRandom));
    for (let at = 0; at < bytes.length; at += 31) {
      const bad = bytes.slice();
      bad[at] = (bad[at] ?? 0) ^ 1;
      expect(() => openCard(toBase64(bad), key)).toThrow('TAMPERED');
    }
    expect(() => openCard('', key)).toThrow();
  });
});
