import { beforeAll, describe, expect, it } from 'vitest';

import { loadSodium } from '../primitives/sodium.ts';
import { decodeFrame } from './frame.ts';
import { decryptMessage } from './messages.ts';
import { REFRESH_AFTER_MESSAGES, REFRESH_AFTER_MS } from './refresh.ts';
import { Party } from './testing/party.ts';
import { seededPick } from './testing/seeded-random.ts';

beforeAll(loadSodium);

const pair = (seed: string) => {
  const alice = new Party('alice', seed);
  const bob = new Party('bob', seed);
  alice.open(bob.device, bob.bundle());
  bob.receive(alice.device, alice.send(bob.device, 'hello'));
  alice.receive(bob.device, bob.send(alice.device, 'hello'));
  return { alice, bob };
};

const exchange = (from: Party, to: Party, text = 'x'): void => {
  expect(to.receive(from.device, from.send(to.device, text))).toBe(text);
};

const completed = (party: Party, peer: Party): number => party.current(peer.device).refresh.completed;

describe('the post-quantum refresh', () => {
  it('comes after 50 messages, on both sides, and again', () => {
    const { alice, bob } = pair('count');
    let exchanged = 3;
    while (completed(alice, bob) === 0 || completed(bob, alice) === 0) {
      exchange(alice, bob);
      exchange(bob, alice);
      exchanged += 2;
      expect(exchanged).toBeLessThan(REFRESH_AFTER_MESSAGES + 12);
    }
    expect(exchanged).toBeGreaterThan(REFRESH_AFTER_MESSAGES - 2);
    for (let i = 0; i < 60; i++) {
      exchange(alice, bob);
      exchange(bob, alice);
    }
    expect(completed(alice, bob)).toBeGreaterThanOrEqual(3);
    expect(Math.abs(completed(alice, bob) - completed(bob, alice))).toBeLessThanOrEqual(1);
  });

  it('comes after 7 days', () => {
    const { alice, bob } = pair('days');
    alice.now += REFRESH_AFTER_MS;
    for (let i = 0; i < 3; i++) {
      exchange(alice, bob);
      exchange(bob, alice);
    }
    expect([completed(alice, bob), completed(bob, alice)]).toEqual([1, 1]);
  });

  it('mixes a secret in that the turn alone does not give', () => {
    const { alice, bob } = pair('mix');
    alice.now += REFRESH_AFTER_MS;
    exchange(alice, bob);
    exchange(bob, alice);
    const mixed = alice.send(bob.device, 'mixed');
    const session = bob.current(alice.device);
    expect(session.ratchet.mixOnReceive).toBeDefined();
    // Who knows every X25519 secret of this state, but not the KEM's, cannot follow.
    const withoutKem = { ...session, ratchet: { ...session.ratchet, mixOnReceive: undefined } };
    const input = { local: bob.local, frame: decodeFrame(mixed), now: bob.now };
    expect(() => decryptMessage({ ...input, session: withoutKem })).toThrow('AUTHENTICATION_FAILED');
    expect(bob.receive(alice.device, mixed)).toBe('mixed');
  });

  it('survives loss, repetition and any order of arrival', { timeout: 600_000 }, () => {
    const rounds = process.env.NYX_TEST_LONG === undefined ? 6 : 200;
    for (let round = 0; round < rounds; round++) {
      const seed = `refresh/${round}`;
      const { alice, bob } = pair(seed);
      const pick = seededPick(seed);
      const flights: { from: Party; to: Party; text: string; bytes: Uint8Array }[] = [];
      const seen = new Set<string>();
      for (let step = 0; step < 260; step++) {
        if (step % 40 === 39) alice.now = bob.now += REFRESH_AFTER_MS;
        const [from, to] = pick(2) === 0 ? [alice, bob] : [bob, alice];
        const text = `${step}`;
        flights.push({ from, to, text, bytes: from.send(to.device, text) });
        while (flights.length > pick(6)) {
          // At most a few chains late: what is older than five chains is given up by design.
          const at = pick(Math.min(flights.length, 4));
          const [flight] = flights.splice(at, 1);
          if (flight === undefined || pick(10) === 0) continue;
          expect(flight.to.receive(flight.from.device, flight.bytes), seed).toBe(flight.text);
          expect(seen.has(flight.text)).toBe(false);
          seen.add(flight.text);
          if (pick(8) === 0) expect(() => flight.to.receive(flight.from.device, flight.bytes)).toThrow();
        }
      }
      expect(seen.size).toBeGreaterThan(200);
      expect(completed(alice, bob), seed).toBeGreaterThanOrEqual(3);
    }
  });
});
