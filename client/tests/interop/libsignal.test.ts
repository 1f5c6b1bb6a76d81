import { beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { utf8 } from '../../src/crypto/primitives/bytes.ts';
import { loadSodium } from '../../src/crypto/primitives/sodium.ts';
import { seededPick } from '../../src/crypto/pairwise/testing/seeded-random.ts';
import { ratchetSecrets } from '../../src/crypto/ratchet/state.ts';
import { OurSignal } from './our-signal.ts';
import { TheirSignal } from './their-signal.ts';

beforeAll(loadSodium);

const PREKEY = 41;

/** Secrets of our ratchet as text, to see whether anything changed. */
const snapshot = (us: OurSignal): string =>
  JSON.stringify(us.ratchet && ratchetSecrets(us.ratchet).map((secret) => [...secret.expose()]));

const flip = (bytes: Uint8Array, at: number): Uint8Array => {
  const changed = Uint8Array.from(bytes);
  changed[at] = (changed[at] ?? 0) ^ 0x10;
  return changed;
};

describe.each(['Alice', 'Bob'] as const)(
  'our X3DH and Double Ratchet as %s, libsignal at the other end',
  (role) => {
    let us: OurSignal;
    let them: TheirSignal;

    const ourMessage = async (text: string): Promise<void> => {
      const { bytes, hello } = us.send(text);
      expect(await them.receive(bytes, hello)).toBe(text);
    };
    const theirMessage = async (text: string): Promise<void> => {
      const { bytes, hello } = await them.send(text);
      expect(us.receive(bytes, hello)).toBe(text);
    };

    beforeEach(async () => {
      us = new OurSignal();
      them = new TheirSignal();
      if (role === 'Alice') us.start(await them.publish(PREKEY));
      else await them.start(us.publish(PREKEY));
    });

    it('shakes hands with a one-time prekey, which is spent', async () => {
      const [first, second] =
        role === 'Alice'
          ? [us.send('one'), us.send('two')]
          : [await them.send('one'), await them.send('two')];
      expect([first.hello, second.hello]).toEqual([true, true]);
      if (role === 'Alice') {
        expect(them.preKeys.records.size).toBe(1);
        expect(await them.receive(first.bytes, true)).toBe('one');
        expect(await them.receive(second.bytes, true)).toBe('two');
        expect(them.preKeys.records.size).toBe(0);
        await theirMessage('three');
      } else {
        expect(us.oneTime.size).toBe(1);
        expect(us.receive(first.bytes, true)).toBe('one');
        expect(us.receive(second.bytes, true)).toBe('two');
        expect(us.oneTime.size).toBe(0);
        await ourMessage('three');
      }
    });

    it('turns the ratchet 40 times, with one to three messages a turn', async () => {
      if (role === 'Bob') await theirMessage('hello');
      const pick = seededPick('turns');
      for (let turn = 0; turn < 40; turn++) {
        for (let i = 0; i <= pick(3); i++) await ourMessage(`ours ${turn}.${i}`);
        for (let i = 0; i <= pick(3); i++) await theirMessage(`theirs ${turn}.${i}`);
      }
    });

    it('reads 140 messages out of order, across turns and in both directions', async () => {
      if (role === 'Bob') await theirMessage('hello');
      await ourMessage('start');
      await theirMessage('start');
      const pick = seededPick(`order/${role}`);
      type Flight = { readonly text: string; readonly bytes: Uint8Array; readonly hello: boolean };
      const toThem: Flight[] = [];
      const toUs: Flight[] = [];
      // Four turns: each side's last chains are read while the one before is still in flight.
      for (let turn = 0; turn < 4; turn++) {
        for (let i = 0; i < 17; i++) {
          toThem.push({ text: `a${turn}.${i}`, ...us.send(`a${turn}.${i}`) });
          toUs.push({ text: `b${turn}.${i}`, ...(await them.send(`b${turn}.${i}`)) });
        }
        await ourMessage(`turn ${turn}`);
        await theirMessage(`turn ${turn}`);
      }
      const deliver = (flights: Flight[]): Flight => {
        const [flight] = flights.splice(pick(flights.length), 1);
        if (flight === undefined) throw new Error('nothing in flight');
        return flight;
      };
      let delivered = 4;
      while (toThem.length + toUs.length > 0) {
        if (toUs.length === 0 || (toThem.length > 0 && pick(2) === 0)) {
          const { text, bytes, hello } = deliver(toThem);
          expect(await them.receive(bytes, hello)).toBe(text);
        } else {
          const { text, bytes, hello } = deliver(toUs);
          expect(us.receive(bytes, hello)).toBe(text);
          expect(() => us.receive(bytes, hello)).toThrow(/MESSAGE_KEY_USED|UNEXPECTED_RATCHET_KEY|mac/);
        }
        delivered++;
      }
      expect(delivered).toBeGreaterThanOrEqual(140);
    });

    it('refuses every tampered byte, on both sides, and goes on', async () => {
      if (role === 'Bob') await theirMessage('hello');
      await ourMessage('start');
      await theirMessage('start');
      const ours = us.send('from us');
      for (let at = 0; at < ours.bytes.length; at++)
        await expect(them.receive(flip(ours.bytes, at), ours.hello), `byte ${at}`).rejects.toThrow();
      expect(await them.receive(ours.bytes, ours.hello)).toBe('from us');

      const theirs = await them.send('from them');
      const before = snapshot(us);
      for (let at = 0; at < theirs.bytes.length; at++)
        expect(() => us.receive(flip(theirs.bytes, at), theirs.hello), `byte ${at}`).toThrow();
      expect(snapshot(us)).toBe(before);
      expect(us.receive(theirs.bytes, theirs.hello)).toBe('from them');
    });
  },
);

describe('the oracle', () => {
  it('would notice a wrong label', async () => {
    const us = new OurSignal(utf8('WhisperTexT'));
    const them = new TheirSignal();
    us.start(await them.publish(PREKEY));
    const { bytes, hello } = us.send('one');
    await expect(them.receive(bytes, hello)).rejects.toThrow();
  });
});
