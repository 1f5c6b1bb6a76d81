import { ed25519 } from '@noble/curves/ed25519.js';
import { beforeAll, describe, expect, it } from 'vitest';

import { isCryptoError } from '../primitives/errors.ts';
import { loadSodium } from '../primitives/sodium.ts';
import { fromBase64, toBase64 } from '../primitives/base64.ts';
import { Party } from '../pairwise/testing/party.ts';
import { openSession } from '../pairwise/session.ts';
import { readFallbackCheck, verifyBundle } from './bundle.ts';
import { encodeOneTime, encodeSigned, signKeyObject } from './encode.ts';
import { copiesUpload, generateOneTimePrekeys, generateSignedPrekey, oneTimeUpload } from './generate.ts';
import { oneTimeKeyId, signedKeyId } from './key-ids.ts';
import { planPrekeys, type PrekeyStock } from './plan.ts';
import {
  decodeOneTimeRecord,
  decodeSignedRecord,
  encodeOneTimeRecord,
  encodeSignedRecord,
} from './record.ts';
import { SPK_COPIES, SPK_GRACE_MS, SPK_ROTATION_MS, type OneTimePrekey, type SignedPrekey } from './types.ts';
import { present } from '../pairwise/testing/present.ts';

beforeAll(loadSodium);

const NOW = Date.UTC(2026, 0, 10);
const HOUR = 60 * 60 * 1000;
const OTK = 'chat.nyx.otk.v1';
const SPK = 'chat.nyx.spk.v1';

describe('published prekeys', () => {
  it('are Matrix signed keys with random ids, one colon each, and no field outside the payload', () => {
    const bob = new Party('bob');
    const { oneTime, fallback } = bob.publish(100);
    expect(Object.keys(oneTime)).toHaveLength(100);
    const ids = Object.keys(oneTime).map((keyId) => Number.parseInt(keyId.slice(OTK.length + 1), 16));
    expect(new Set(ids).size).toBe(100);
    expect(ids.some((id, i) => id < (ids[i - 1] ?? 0))).toBe(true);
    for (const [keyId, value] of Object.entries({ ...oneTime, ...fallback })) {
      expect(keyId).toMatch(/^chat\.nyx\.(otk|spk)\.v1:[0-9a-f]{8}$/);
      const object = value as {
        key: string;
        fallback?: true;
        signatures: Record<string, Record<string, string>>;
      };
      const { signatures, ...signed } = object;
      // Canonical JSON of the rest, checked by a second implementation of Ed25519.
      const canonical = JSON.stringify(
        Object.fromEntries(Object.entries(signed).sort(([a], [b]) => (a < b ? -1 : 1))),
      );
      const signature = signatures['@bob:example.org']?.['ed25519:BOB'] ?? '';
      expect(ed25519.verify(fromBase64(signature), Buffer.from(canonical), bob.device.ed25519)).toBe(true);
      const payload = fromBase64(object.key);
      expect(payload[0]).toBe(1);
      expect(payload.length).toBe(keyId.startsWith(OTK) ? 37 : 1225);
      expect(object.fallback).toBe(keyId.startsWith(SPK) ? true : undefined);
    }
  });

  it('give the same upload again for a retry', () => {
    const bob = new Party('bob');
    const prekeys = generateOneTimePrekeys(3, 1, new Set(), bob.random);
    expect(oneTimeUpload(bob.local, prekeys)).toEqual(oneTimeUpload(bob.local, prekeys));
  });

  it('never reuse an id, and stop when the random source is stuck', () => {
    const bob = new Party('bob');
    const stuck = (length: number): Uint8Array => new Uint8Array(length).fill(7);
    expect(() => generateOneTimePrekeys(2, 1, new Set(), stuck)).toThrow(RangeError);
    const taken = new Set(generateOneTimePrekeys(50, 1, new Set(), bob.random).map(({ id }) => id));
    for (const { id } of generateOneTimePrekeys(50, 2, taken, bob.random)) expect(taken.has(id)).toBe(false);
  });

  it('are stored and read back whole; a damaged KEM key is noticed', () => {
    const bob = new Party('bob');
    const [firstoneTime] = generateOneTimePrekeys(1, 3, new Set(), bob.random);
    const oneTime = present(firstoneTime);
    const signed = generateSignedPrekey(new Set(), NOW, bob.random);
    expect(encodeOneTimeRecord(decodeOneTimeRecord(encodeOneTimeRecord(oneTime)))).toEqual(
      encodeOneTimeRecord(oneTime),
    );
    const record = encodeSignedRecord({ ...signed, supersededAt: NOW, copies: 20 });
    const read = decodeSignedRecord(record);
    expect(encodeSignedRecord(read)).toEqual(record);
    expect(read.kem.public).toEqual(signed.kem.public);
    for (let cut = 0; cut < record.length; cut += 7)
      expect(() => decodeSignedRecord(record.subarray(0, cut))).toThrow('TRUNCATED');
    record[1500] = (record[1500] ?? 0) ^ 1;
    expect(() => decodeSignedRecord(record)).toThrow('INVALID_SECRET_KEY');
  });
});

describe('the upload plan', () => {
  let bob: Party;
  beforeAll(() => {
    bob = new Party('bob');
  });
  const make = (createdAt: number, extra: Partial<SignedPrekey> = {}): SignedPrekey => ({
    ...generateSignedPrekey(new Set(), createdAt, bob.random),
    ...extra,
  });
  const published = (count: number, at: number): OneTimePrekey[] =>
    generateOneTimePrekeys(count, 1, new Set(), bob.random).map((prekey) => ({ ...prekey, publishedAt: at }));
  const stock = (extra: Partial<PrekeyStock> = {}): PrekeyStock => ({
    oneTime: [],
    signed: [make(NOW - HOUR)],
    fallback: 'supported',
    ...extra,
  });
  const counts = (oneTime: Record<string, number>, unusedFallback?: string[]) => ({
    oneTime,
    unusedFallback,
  });

  it('refills to 100 under 50, and not before', () => {
    const plan = (count: number) => planPrekeys(stock(), counts({ [OTK]: count }), NOW).generateOneTime;
    expect([plan(0), plan(49), plan(50), plan(100), plan(-3), plan(Number.NaN)]).toEqual([
      100, 51, 0, 0, 100, 100,
    ]);
    expect(planPrekeys(stock(), counts({}), NOW).generateOneTime).toBe(100);
  });

  it('uploads again what was never confirmed, and counts it', () => {
    const pending = generateOneTimePrekeys(60, 1, new Set(), bob.random);
    const plan = planPrekeys(stock({ oneTime: pending }), counts({ [OTK]: 0 }), NOW);
    expect(plan.republish).toHaveLength(60);
    expect(plan.generateOneTime).toBe(40);
  });

  it('rotates the signed prekey every 48 h and destroys it 30 days after', () => {
    const rotate = (age: number) =>
      planPrekeys(stock({ signed: [make(NOW - age)] }), counts({ [OTK]: 100 }), NOW).rotateSigned;
    expect([rotate(SPK_ROTATION_MS - 1), rotate(SPK_ROTATION_MS)]).toEqual([false, true]);
    expect(planPrekeys(stock({ signed: [] }), counts({}), NOW).rotateSigned).toBe(true);
    const kept = make(NOW - 40 * 24 * HOUR, { supersededAt: NOW - SPK_GRACE_MS });
    const gone = make(NOW - 41 * 24 * HOUR, { supersededAt: NOW - SPK_GRACE_MS - 1 });
    const plan = planPrekeys(stock({ signed: [make(NOW), kept, gone] }), counts({ [OTK]: 100 }), NOW);
    expect(plan.destroySigned).toEqual([gone.id]);
  });

  it('asks once whether fallback keys work, and believes a sync that shows one', () => {
    const unknown = stock({ fallback: 'unknown' });
    expect(planPrekeys(unknown, counts({ [OTK]: 100 }), NOW)).toMatchObject({
      checkFallback: true,
      publishCopies: 0,
    });
    expect(planPrekeys(unknown, counts({ [OTK]: 100 }, [SPK]), NOW)).toMatchObject({
      checkFallback: false,
      fallback: 'supported',
    });
  });

  it('publishes copies where the server ignores fallback keys, and keeps the keys of copies still out', () => {
    const old = make(NOW - 60 * 24 * HOUR, { supersededAt: NOW - 58 * 24 * HOUR, copies: SPK_COPIES });
    const current = make(NOW - HOUR, { copies: SPK_COPIES });
    const plan = (left: number) =>
      planPrekeys(
        stock({ fallback: 'ignored', signed: [old, current] }),
        counts({ [OTK]: 100, [SPK]: left }),
        NOW,
      );
    expect(plan(9)).toMatchObject({ publishCopies: SPK_COPIES, destroySigned: [old.id] });
    expect(plan(20)).toMatchObject({ publishCopies: 0, destroySigned: [old.id] });
    // Served in upload order: the 25 that are left are the current's 20 and 5 of the old one's.
    expect(plan(25)).toMatchObject({ publishCopies: 0, destroySigned: [] });
  });

  it('destroys one-time prekeys that were handed out long ago and never used', () => {
    const old = published(5, NOW - 91 * 24 * HOUR);
    const fresh = published(60, NOW - HOUR);
    const plan = planPrekeys(stock({ oneTime: [...old, ...fresh] }), counts({ [OTK]: 62 }), NOW);
    expect(plan.destroyOneTime).toHaveLength(3);
    expect(old.map(({ id }) => id)).toEqual(expect.arrayContaining([...plan.destroyOneTime]));
  });
});

describe('a claimed bundle', () => {
  const setup = () => {
    const bob = new Party('bob');
    const { oneTime, fallback } = bob.publish(1);
    const verify = (claimed: Record<string, unknown>, newestSignedDay = 0, now = bob.now) =>
      verifyBundle({ device: bob.device, claimed, now, newestSignedDay });
    return { bob, claimed: { ...oneTime, ...fallback }, oneTime, fallback, verify };
  };

  it('is taken with and without a one-time prekey', () => {
    const { claimed, fallback, verify } = setup();
    expect(verify(claimed).oneTime).toBeDefined();
    expect(verify(fallback).oneTime).toBeUndefined();
  });

  it('is refused with any byte of any key or signature changed, by name', () => {
    const { bob, claimed, verify } = setup();
    const change = (text: string, at: number): string => {
      const bytes = fromBase64(text);
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      return toBase64(bytes);
    };
    for (const [keyId, value] of Object.entries(claimed)) {
      const object = value as { key: string; signatures: Record<string, Record<string, string>> };
      for (let at = 0; at < fromBase64(object.key).length; at++)
        expect(() => verify({ ...claimed, [keyId]: { ...object, key: change(object.key, at) } })).toThrow(
          'BAD_PREKEY_SIGNATURE',
        );
      const signature = object.signatures[bob.local.userId]?.['ed25519:BOB'] ?? '';
      for (let at = 0; at < 64; at++) {
        const signatures = { [bob.local.userId]: { 'ed25519:BOB': change(signature, at) } };
        expect(() => verify({ ...claimed, [keyId]: { ...object, signatures } })).toThrow(
          'BAD_PREKEY_SIGNATURE',
        );
      }
    }
  });

  it('is refused with anything of the wrong shape, by name', () => {
    const { bob, claimed, oneTime, fallback, verify } = setup();
    const [otkId, otk] = Object.entries(oneTime)[0] as [string, { key: string; signatures: object }];
    const wrong: unknown[] = [
      null,
      'text',
      [],
      {},
      { ...otk, key: 1 },
      { ...otk, key: `${otk.key}=` },
      { ...otk, key: otk.key.repeat(60) },
      { ...otk, extra: 1 },
      { ...otk, fallback: false },
      { ...otk, signatures: null },
      { ...otk, signatures: { [bob.local.userId]: 'x' } },
      { ...otk, signatures: { [bob.local.userId]: { 'ed25519:BOB': '*' } } },
      { ...otk, signatures: JSON.parse('{"__proto__": {"ed25519:BOB": "x"}}') as unknown },
    ];
    for (const value of wrong) {
      try {
        verify({ ...claimed, [otkId]: value });
        expect.unreachable(JSON.stringify(value));
      } catch (error) {
        expect(isCryptoError(error) && error.code, JSON.stringify(value)).toMatch(
          /^(MALFORMED_PREKEY|BAD_PREKEY_SIGNATURE)$/,
        );
      }
    }
    expect(() => verify(oneTime)).toThrow('NO_SIGNED_PREKEY');
    expect(() => verify({ ...claimed, ...bob.publish(1).oneTime })).toThrow('MALFORMED_PREKEY');
    expect(() => verify({ ...fallback, [oneTimeKeyId(5)]: otk })).toThrow('PREKEY_ID_MISMATCH');
    expect(() => verify({ ...oneTime, [signedKeyId(5)]: Object.values(fallback)[0] })).toThrow(
      'PREKEY_ID_MISMATCH',
    );
  });

  it("is refused with another device's keys, or one kind of key in the other's place", () => {
    const { claimed, oneTime, verify } = setup();
    const carol = new Party('carol').publish(1);
    expect(() => verify({ ...carol.oneTime, ...carol.fallback })).toThrow('BAD_PREKEY_SIGNATURE');
    expect(() => verify({ ...carol.fallback, ...oneTime })).toThrow('BAD_PREKEY_SIGNATURE');
    const [signed] = Object.values(claimed).slice(1);
    expect(() => verify({ ...claimed, ...{ [present(Object.keys(oneTime)[0])]: signed } })).toThrow(
      'MALFORMED_PREKEY',
    );
  });

  it('must not be from the future, nor older than what the device has shown', () => {
    const { bob, fallback, verify } = setup();
    const day = Math.floor(bob.now / (24 * HOUR));
    expect(() => verify(fallback, day + 31)).toThrow('SIGNED_PREKEY_OUT_OF_ORDER');
    expect(verify(fallback, day + 30).signed.createdDay).toBe(day);
    expect(() => verify(fallback, 0, bob.now - 3 * 24 * HOUR)).toThrow('SIGNED_PREKEY_OUT_OF_ORDER');
    expect(verify(fallback, 0, bob.now - 2 * 24 * HOUR).signed.createdDay).toBe(day);
  });

  it('signed by a hostile peer with zero and low-order points is refused when it is used', () => {
    const { bob, verify } = setup();
    const alice = new Party('alice');
    const good = verify(setup().claimed);
    const zero = new Uint8Array(32);
    const one = Uint8Array.of(1, ...new Uint8Array(31));
    for (const point of [zero, one])
      for (const which of ['signed', 'oneTime'] as const) {
        const x25519 = (mine: 'signed' | 'oneTime', fallback: Uint8Array) =>
          which === mine ? point : fallback;
        const signed = encodeSigned({ ...good.signed, x25519: x25519('signed', good.signed.x25519) });
        const oneTime = encodeOneTime({ id: 1, x25519: x25519('oneTime', good.signed.x25519) });
        const bundle = verify({
          [signedKeyId(good.signed.id)]: signKeyObject(bob.local, signed, true),
          [oneTimeKeyId(1)]: signKeyObject(bob.local, oneTime, false),
        });
        const open = () =>
          openSession({ local: alice.local, peer: bob.device, bundle, now: alice.now, random: alice.random });
        expect(open).toThrow('LOW_ORDER_POINT');
      }
    const kem = new Uint8Array(1184).fill(255);
    const bundle = verify({
      [signedKeyId(good.signed.id)]: signKeyObject(bob.local, encodeSigned({ ...good.signed, kem }), true),
    });
    const input = { local: alice.local, bundle, now: alice.now, random: alice.random };
    expect(() => openSession({ ...input, peer: bob.device })).toThrow('INVALID_PUBLIC_KEY');
    expect(() => openSession({ ...input, bundle: good, peer: { ...bob.device, x25519: zero } })).toThrow(
      'LOW_ORDER_POINT',
    );
  });

  it('of copies published as one-time keys works like the fallback key', () => {
    const { bob, verify } = setup();
    const signed = generateSignedPrekey(new Set(), bob.now, bob.random);
    const copies = copiesUpload(bob.local, signed, 20, SPK_COPIES);
    expect(Object.keys(copies)).toHaveLength(SPK_COPIES);
    for (const [keyId, object] of Object.entries(copies)) {
      expect(keyId.split(':')).toHaveLength(2);
      expect(verify({ [keyId]: object }).signed.id).toBe(signed.id);
    }
  });

  it('tells whether the server hands out fallback keys', () => {
    const { bob, fallback } = setup();
    expect(readFallbackCheck(bob.device, fallback)).toBe('supported');
    expect(readFallbackCheck(bob.device, {})).toBe('ignored');
    const carol = new Party('carol').publish(0);
    expect(() => readFallbackCheck(bob.device, carol.fallback)).toThrow('BAD_PREKEY_SIGNATURE');
  });
});
