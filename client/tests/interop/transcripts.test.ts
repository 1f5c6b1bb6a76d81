import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';

import { Party } from '../../src/crypto/pairwise/testing/party.ts';
import { present } from '../../src/crypto/pairwise/testing/present.ts';
import { seededPick } from '../../src/crypto/pairwise/testing/seeded-random.ts';
import { decodeOneTimeRecord, decodeSignedRecord } from '../../src/crypto/prekeys/record.ts';
import { toHex } from '../../src/crypto/primitives/bytes.ts';
import { loadSodium } from '../../src/crypto/primitives/sodium.ts';
import { NoblePeer } from './noble-pairwise.ts';

beforeAll(loadSodium);

const FILE = new URL('../../src/crypto/vectors/pairwise-transcripts.json', import.meta.url);

const frozen = z
  .array(
    z.object({
      name: z.string(),
      oneTime: z.boolean(),
      sid: z.string(),
      confirm: z.string(),
      firstFrame: z.string(),
      frames: z.number(),
      sha256: z.string(),
    }),
  )
  .parse(JSON.parse(readFileSync(FILE, 'utf8')));

/**
 * One conversation with all randomness from a seed, run by the product and, step for step, by the second
 * implementation. Every frame of both must be the same bytes.
 */
const run = (name: string, oneTime: boolean) => {
  const seed = `transcript/${name}`;
  const alice = new Party('alice', seed);
  const bob = new Party('bob', seed);
  const bundle = bob.bundle(oneTime);
  const signed = decodeSignedRecord(present(bob.signed.get(bundle.signed.id)));
  const otpk = bundle.oneTime && decodeOneTimeRecord(present(bob.oneTime.get(bundle.oneTime.id)));

  // What each side draws from now on is written down for the second implementation.
  const tapes = new Map([alice, bob].map((party) => [party, [] as Uint8Array[]]));
  for (const [party, tape] of tapes) {
    const original = party.random;
    Object.assign(party, {
      random: (length: number): Uint8Array => {
        const bytes = original(length);
        tape.push(bytes.slice());
        return bytes;
      },
    });
  }
  const replay =
    (party: Party) =>
    (length: number): Uint8Array => {
      const bytes = present(tapes.get(party)).shift();
      if (bytes?.length !== length)
        throw new Error(`drew ${length} bytes, recorded ${bytes?.length ?? 'none'}`);
      return bytes;
    };

  const session = alice.open(bob.device, bundle);
  const keys = {
    spkId: bundle.signed.id,
    spk: bundle.signed.x25519,
    kem: bundle.signed.kem,
    otpkId: bundle.oneTime?.id ?? 0,
    otpk: bundle.oneTime?.x25519,
  };
  const identity = (party: Party): Uint8Array => party.local.x25519.secret.expose();
  const nobleAlice = NoblePeer.initiate(replay(alice), alice.device, identity(alice), bob.device, keys);
  let nobleBob: NoblePeer | undefined;

  const hash = createHash('sha256');
  let firstFrame = '';
  const pick = seededPick(seed);
  const frames = 200;
  for (let i = 0; i < frames; i++) {
    const fromAlice = i === 0 || pick(2) === 0;
    const [from, to] = fromAlice ? [alice, bob] : [bob, alice];
    const text = `${name} ${i} `.repeat(1 + pick(i % 50 === 49 ? 200 : 20));
    const frame = from.send(to.device, text);
    if (nobleBob === undefined) {
      const secrets = {
        identity: identity(bob),
        spk: signed.keys.secret.expose(),
        otpk: otpk?.keys.secret.expose(),
        kem: signed.kem.secret.expose(),
      };
      nobleBob = NoblePeer.respond(replay(bob), bob.device, secrets, alice.device, keys, frame);
    }
    const [nobleFrom, nobleTo] = fromAlice ? [nobleAlice, nobleBob] : [nobleBob, nobleAlice];
    expect(toHex(nobleFrom.send(text)), `${name}, frame ${i}`).toBe(toHex(frame));
    expect(nobleTo.receive(frame)).toBe(text);
    expect(to.receive(from.device, frame)).toBe(text);
    hash.update(frame);
    if (i === 0) firstFrame = toHex(frame);
  }
  expect(present(tapes.get(alice)).length + present(tapes.get(bob)).length).toBe(0);
  expect(alice.current(bob.device).refresh.completed).toBeGreaterThanOrEqual(2);
  expect(nobleBob?.sid).toEqual(session.sid);
  expect(nobleAlice.confirm).toEqual(session.confirm.expose());
  return {
    name,
    oneTime,
    sid: toHex(session.sid),
    confirm: toHex(session.confirm.expose()),
    firstFrame,
    frames,
    sha256: hash.digest('hex'),
  };
};

describe('frozen transcripts, all randomness injected', () => {
  it.each(frozen)('$name: product and @noble give the same bytes, and those of the file', (expected) => {
    expect(run(expected.name, expected.oneTime)).toEqual(expected);
  });

  it('cover a handshake with and without a one-time prekey', () => {
    expect(new Set(frozen.map(({ oneTime }) => oneTime))).toEqual(new Set([true, false]));
  });
});
