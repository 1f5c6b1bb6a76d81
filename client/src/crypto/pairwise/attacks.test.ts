import { beforeAll, describe, expect, it } from 'vitest';

import { fromHex, toHex } from '../primitives/bytes.ts';
import { isCryptoError } from '../primitives/errors.ts';
import { PADDING_BUCKETS } from '../primitives/padding.ts';
import { systemRandom } from '../primitives/random.ts';
import { loadSodium } from '../primitives/sodium.ts';
import { generateX25519, x25519 } from '../primitives/x25519.ts';
import {
  decodeOneTimeRecord,
  decodeSignedRecord,
  encodeOneTimeRecord,
  encodeSignedRecord,
} from '../prekeys/record.ts';
import { decodeFrame } from './frame.ts';
import { decodeSession, decodeTable, encodeSession, encodeTable } from './record.ts';
import { Party } from './testing/party.ts';
import { seededPick } from './testing/seeded-random.ts';
import { present } from './testing/present.ts';

beforeAll(loadSodium);

const HOUR = 60 * 60 * 1000;

const opened = (withOneTime = true) => {
  const alice = new Party('alice');
  const bob = new Party('bob');
  alice.open(bob.device, bob.bundle(withOneTime));
  return { alice, bob };
};

/** Both sides have sent and received. */
const answered = () => {
  const { alice, bob } = opened();
  bob.receive(alice.device, alice.send(bob.device, 'hello'));
  alice.receive(bob.device, bob.send(alice.device, 'hello'));
  return { alice, bob };
};

const codeOf = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    if (isCryptoError(error)) return error.code;
    throw error;
  }
  return 'accepted';
};

/** Milliseconds that `act` takes at its best of several times: what it costs, not what else the machine does. */
const cost = (act: () => unknown, times = 15): number => {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < times; i++) {
    const start = performance.now();
    act();
    best = Math.min(best, performance.now() - start);
  }
  return best;
};

/** One millisecond, or on a slow machine what fourteen X25519 agreements take there: about a millisecond elsewhere. */
const budget = (): number => {
  const { secret, public: key } = generateX25519(systemRandom);
  return Math.max(
    1,
    14 *
      cost(() => {
        x25519(secret, key).wipe();
      }),
  );
};

/** Every byte of a frame changed, in three ways: refused by name, and nothing changed. The bench tells what it costs. */
const mutateAll = (receiver: Party, sender: Party, frame: Uint8Array): void => {
  const before = receiver.dump();
  for (let at = 0; at < frame.length; at++) {
    for (const mask of [0x01, 0x80, 0xff]) {
      const bad = frame.slice();
      bad[at] = (bad[at] ?? 0) ^ mask;
      const code = codeOf(() => receiver.tryReceive(sender.device, bad));
      expect(code, `byte ${at} ^ ${mask}`).toMatch(/^(?!accepted)[A-Z_]+$/);
    }
  }
  expect(receiver.dump()).toBe(before);
};

describe('a frame changed on the way', () => {
  it('that opens a session', () => {
    const { alice, bob } = opened();
    const frame = alice.send(bob.device, 'hello');
    mutateAll(bob, alice, frame);
    expect(bob.receive(alice.device, frame)).toBe('hello');
  });

  it('that repeats the handshake on a session known by now', () => {
    const { alice, bob } = opened();
    bob.receive(alice.device, alice.send(bob.device, 'one'));
    const frame = alice.send(bob.device, 'two');
    mutateAll(bob, alice, frame);
    expect(bob.receive(alice.device, frame)).toBe('two');
  });

  it('that turns the ratchet, and one that does not', () => {
    const { alice, bob } = answered();
    const turning = alice.send(bob.device, 'turns');
    mutateAll(bob, alice, turning);
    expect(bob.receive(alice.device, turning)).toBe('turns');
    const next = alice.send(bob.device, 'next');
    mutateAll(bob, alice, next);
    expect(bob.receive(alice.device, next)).toBe('next');
  });

  it('that is cut short or continued', () => {
    const { alice, bob } = answered();
    const frame = alice.send(bob.device, 'hello');
    for (let length = 0; length < frame.length; length++)
      expect(codeOf(() => bob.tryReceive(alice.device, frame.subarray(0, length)))).not.toBe('accepted');
    const longer = new Uint8Array(frame.length + 1);
    longer.set(frame);
    expect(codeOf(() => bob.tryReceive(alice.device, longer))).toBe('AUTHENTICATION_FAILED');
    expect(codeOf(() => bob.tryReceive(alice.device, new Uint8Array(200_000).fill(1)))).toBe(
      'FRAME_TOO_LONG',
    );
  });

  it('of random bytes, in any number', () => {
    const { alice, bob } = answered();
    const before = bob.dump();
    const pick = seededPick('noise');
    for (let i = 0; i < 3000; i++) {
      const noise = Uint8Array.from({ length: pick(1500) }, () => pick(256));
      // Past the version and type checks, too.
      if (i % 2 === 0) noise.set([1, pick(2)].slice(0, noise.length));
      expect(codeOf(() => bob.tryReceive(alice.device, noise))).not.toBe('accepted');
    }
    expect(bob.dump()).toBe(before);
  });
});

describe('a record changed under its seal', () => {
  it('is refused by name, or is another record in its one canonical form', () => {
    const { alice, bob } = answered();
    bob.bundle();
    const kinds: readonly [ReadonlyMap<unknown, Uint8Array>, (bytes: Uint8Array) => Uint8Array][] = [
      [alice.sessions, (bytes) => encodeSession(decodeSession(bytes))],
      [alice.tables, (bytes) => encodeTable(decodeTable(bytes))],
      [bob.oneTime, (bytes) => encodeOneTimeRecord(decodeOneTimeRecord(bytes))],
      [bob.signed, (bytes) => encodeSignedRecord(decodeSignedRecord(bytes))],
    ];
    for (const [records, again] of kinds) {
      const [bytes] = records.values();
      if (bytes === undefined) throw new Error('no record');
      for (let at = 0; at < bytes.length; at++) {
        const bad = bytes.slice();
        bad[at] = (bad[at] ?? 0) ^ 0xff;
        const code = codeOf(() => expect(toHex(again(bad))).toBe(toHex(bad)));
        expect(code).toMatch(/^(accepted|[A-Z][A-Z0-9_]+)$/);
      }
      for (let length = 0; length < bytes.length; length++)
        expect(codeOf(() => again(bytes.subarray(0, length)))).not.toBe('accepted');
    }
  });
});

describe('counters', () => {
  const withCounter = (frame: Uint8Array, n: number): Uint8Array => {
    const changed = frame.slice();
    const { header } = decodeFrame(frame);
    new DataView(changed.buffer).setUint32(header.length - 4, n);
    return changed;
  };

  it('of 2^31 cost under 1 ms and change nothing', () => {
    const { alice, bob } = answered();
    const turning = alice.send(bob.device, 'turns');
    const before = bob.dump();
    const attack = (frame: Uint8Array, n: number) => (): void => {
      expect(codeOf(() => bob.tryReceive(alice.device, withCounter(frame, n)))).toBe('JUMP_TOO_FAR');
    };
    expect(cost(attack(turning, 2 ** 31))).toBeLessThan(budget());
    expect(bob.dump()).toBe(before);
    bob.receive(alice.device, turning);
    const same = alice.send(bob.device, 'same chain');
    expect(cost(attack(same, 2 ** 31))).toBeLessThan(budget());
    expect(cost(attack(same, 2 ** 32 - 1))).toBeLessThan(budget());
    expect(bob.receive(alice.device, same)).toBe('same chain');
  });

  it('jump up to 2,000 and no further; every message overtaken is still readable', () => {
    const { alice, bob } = answered();
    bob.receive(alice.device, alice.send(bob.device, 'turn'));
    const frames = Array.from({ length: 2002 }, (_, i) => alice.send(bob.device, String(i)));
    expect(codeOf(() => bob.tryReceive(alice.device, present(frames[2001])))).toBe('JUMP_TOO_FAR');
    expect(bob.receive(alice.device, present(frames[2000]))).toBe('2000');
    for (const i of [0, 1, 777, 1999]) expect(bob.receive(alice.device, present(frames[i]))).toBe(String(i));
    expect(bob.current(alice.device).ratchet.receiving[0]?.skipped).toHaveLength(1996);
  });

  it('set aside expire after 14 days, and 2,000 are kept at most', () => {
    const { alice, bob } = answered();
    bob.receive(alice.device, alice.send(bob.device, 'turn'));
    const early = alice.send(bob.device, 'early');
    const late = alice.send(bob.device, 'late');
    bob.receive(alice.device, alice.send(bob.device, 'overtakes both'));
    bob.now += 14 * 24 * HOUR;
    expect(bob.receive(alice.device, early)).toBe('early');
    bob.now += 1;
    expect(codeOf(() => bob.tryReceive(alice.device, late))).toBe('MESSAGE_KEY_USED');

    const first = alice.send(bob.device, 'first of many');
    const many = Array.from({ length: 2002 }, () => alice.send(bob.device, 'x'));
    bob.receive(alice.device, present(many[1998]));
    bob.receive(alice.device, present(many[2001]));
    const { skipped } = present(bob.current(alice.device).ratchet.receiving[0]);
    expect(skipped).toHaveLength(2000);
    expect(codeOf(() => bob.tryReceive(alice.device, first))).toBe('MESSAGE_KEY_USED');
    expect(bob.receive(alice.device, present(many[2000]))).toBe('x');
  });

  it('of a chain that was left end where the peer said', () => {
    const { alice, bob } = answered();
    const kept = alice.send(bob.device, 'late but fine');
    const lost = alice.send(bob.device, 'second');
    const next = (text: string): void => {
      alice.receive(bob.device, bob.send(alice.device, text));
    };
    bob.receive(alice.device, lost);
    next('turn');
    bob.receive(alice.device, alice.send(bob.device, 'new chain'));
    expect(codeOf(() => bob.tryReceive(alice.device, withCounter(kept, 2)))).toBe('PAST_CHAIN_END');
    expect(bob.receive(alice.device, kept)).toBe('late but fine');
  });

  it('of at most five chains are kept', () => {
    const { alice, bob } = answered();
    const late: Uint8Array[] = [];
    for (let turn = 0; turn < 8; turn++) {
      late.push(alice.send(bob.device, `late ${turn}`));
      bob.receive(alice.device, alice.send(bob.device, 'on time'));
      alice.receive(bob.device, bob.send(alice.device, 'turn'));
    }
    expect(bob.current(alice.device).ratchet.receiving).toHaveLength(5);
    const codes = late.map((frame) => codeOf(() => bob.tryReceive(alice.device, frame)));
    expect(codes.slice(3)).toEqual(new Array(5).fill('accepted'));
    expect(codes.slice(0, 3)).not.toContain('accepted');
  });
});

describe('replay', () => {
  it('of any frame is refused, before and after the session is gone', () => {
    const { alice, bob } = opened();
    const first = alice.send(bob.device, 'first');
    bob.receive(alice.device, first);
    const before = bob.dump();
    expect(codeOf(() => bob.tryReceive(alice.device, first))).toBe('MESSAGE_KEY_USED');
    const answer = bob.send(alice.device, 'answer');
    alice.receive(bob.device, answer);
    expect(codeOf(() => alice.tryReceive(bob.device, answer))).toBe('MESSAGE_KEY_USED');
    expect(bob.dump()).not.toBe(before);
    bob.sessions.clear();
    expect(codeOf(() => bob.tryReceive(alice.device, first))).toBe('UNKNOWN_ONE_TIME_PREKEY');
  });

  it('of a handshake without a one-time prekey is refused for as long as its signed prekey lives', () => {
    const { alice, bob } = opened(false);
    const first = alice.send(bob.device, 'first');
    expect(bob.tryReceive(alice.device, first).answer).toBe('now');
    bob.receive(alice.device, first);
    bob.sessions.clear();
    expect(codeOf(() => bob.tryReceive(alice.device, first))).toBe('REPLAYED_HANDSHAKE');
    bob.signed.clear();
    expect(codeOf(() => bob.tryReceive(alice.device, first))).toBe('UNKNOWN_SIGNED_PREKEY');
  });

  it('to its own sender, to a third device or under another name is refused', () => {
    const { alice, bob } = answered();
    const carol = new Party('carol');
    carol.publish(5);
    const frame = alice.send(bob.device, 'for bob');
    expect(codeOf(() => alice.tryReceive(bob.device, frame))).not.toBe('accepted');
    expect(codeOf(() => carol.tryReceive(alice.device, frame))).toBe('UNKNOWN_SESSION');
    // The server says that carol sent it.
    expect(codeOf(() => bob.tryReceive(carol.device, frame))).toBe('UNKNOWN_SESSION');

    const dave = new Party('dave');
    dave.open(bob.device, bob.bundle());
    const hello = dave.send(bob.device, 'hello');
    expect(codeOf(() => bob.tryReceive(carol.device, hello))).toBe('SENDER_MISMATCH');
    expect(codeOf(() => carol.tryReceive(dave.device, hello))).toBe('UNKNOWN_SIGNED_PREKEY');
    expect(bob.receive(dave.device, hello)).toBe('hello');
  });
});

describe('a hostile server', () => {
  it('that hands one one-time prekey to two devices gets the second refused', () => {
    const bob = new Party('bob');
    const bundle = bob.bundle();
    const alice = new Party('alice');
    const carol = new Party('carol');
    alice.open(bob.device, bundle);
    carol.open(bob.device, bundle);
    const fromCarol = carol.send(bob.device, 'second');
    bob.receive(alice.device, alice.send(bob.device, 'first'));
    expect(codeOf(() => bob.tryReceive(carol.device, fromCarol))).toBe('UNKNOWN_ONE_TIME_PREKEY');
  });

  it("finds no trace of a used one-time prekey's private key in what Bob keeps", () => {
    const bob = new Party('bob');
    const bundle = bob.bundle();
    const alice = new Party('alice');
    alice.open(bob.device, bundle);
    const record = present(bob.oneTime.get(present(bundle.oneTime).id));
    const secret = toHex(decodeOneTimeRecord(record).keys.secret.expose());
    expect(bob.dump()).toContain(secret);
    const { commit } = bob.tryReceive(alice.device, alice.send(bob.device, 'one'));
    expect(commit.destroyOneTime).toBe(present(bundle.oneTime).id);
    bob.receive(alice.device, alice.send(bob.device, 'two'));
    expect(bob.dump()).not.toContain(secret);
    expect(bob.oneTime.size).toBe(0);
  });

  it('that misbinds an identity gives two sides with two different sessions', () => {
    // Bob's honest keys under another name: the transcript holds users and devices, so nothing opens.
    const bob = new Party('bob');
    const alice = new Party('alice');
    const bundle = bob.bundle();
    for (const renamed of [
      { ...bob.device, userId: '@mallory:example.org' },
      { ...bob.device, deviceId: 'OTHER' },
      { ...bob.device, ed25519: new Party('mallory').device.ed25519 },
    ]) {
      const writer = new Party('alice', renamed.userId + renamed.deviceId);
      writer.open(renamed, bundle);
      const frame = writer.send(renamed, 'for whom?');
      expect(codeOf(() => bob.tryReceive(writer.device, frame))).toBe('SESSION_ID_MISMATCH');
    }
    // The same on the initiator's side: who claims alice's keys under another name shares no session with her.
    alice.open(bob.device, bundle);
    const frame = alice.send(bob.device, 'from whom?');
    expect(codeOf(() => bob.tryReceive({ ...alice.device, userId: '@mallory:example.org' }, frame))).toBe(
      'SESSION_ID_MISMATCH',
    );
    expect(bob.receive(alice.device, frame)).toBe('from whom?');
  });

  it('cannot make a device talk to itself', () => {
    const alice = new Party('alice');
    expect(codeOf(() => alice.open(alice.device, alice.bundle()))).toBe('SAME_DEVICE');
  });

  it('learns one of six sizes from 1,000 texts', () => {
    const { alice, bob } = answered();
    bob.receive(alice.device, alice.send(bob.device, 'turn'));
    alice.receive(bob.device, bob.send(alice.device, 'turn'));
    const pick = seededPick('lengths');
    const sizes = new Set<number>();
    for (let i = 0; i < 1000; i++) {
      const frame = alice.send(bob.device, 'x'.repeat(pick(i < 900 ? 3000 : 43_000)));
      sizes.add(decodeFrame(frame).ciphertext.length - 16);
    }
    expect([...sizes].every((size) => PADDING_BUCKETS.includes(size))).toBe(true);
    expect(sizes.size).toBeLessThanOrEqual(6);
  });
});

describe('zero and low-order points', () => {
  const POINTS = ['00', '01', 'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'].map(
    (hex) => {
      const point = new Uint8Array(32);
      point.set(fromHex(hex));
      return point;
    },
  );

  it('as ephemeral or ratchet key of a handshake are refused by name', () => {
    const { alice, bob } = opened();
    const frame = alice.send(bob.device, 'hello');
    const before = bob.dump();
    for (const point of POINTS) {
      const ephemeral = frame.slice();
      ephemeral.set(point, 18 + 64);
      expect(codeOf(() => bob.tryReceive(alice.device, ephemeral))).toBe('LOW_ORDER_POINT');
      const ratchet = frame.slice();
      ratchet.set(point, decodeFrame(frame).header.length - 40);
      expect(codeOf(() => bob.tryReceive(alice.device, ratchet))).toBe('LOW_ORDER_POINT');
    }
    expect(bob.dump()).toBe(before);
    expect(bob.receive(alice.device, frame)).toBe('hello');
  });

  it('as identity key of the other device are refused by name', () => {
    const { alice, bob } = opened();
    const frame = alice.send(bob.device, 'hello');
    for (const point of POINTS) {
      const forged = frame.slice();
      forged.set(point, 18);
      expect(codeOf(() => bob.tryReceive({ ...alice.device, x25519: point }, forged))).toBe(
        'LOW_ORDER_POINT',
      );
    }
  });

  it('as ratchet key of a running session are refused by name', () => {
    const { alice, bob } = answered();
    const frame = alice.send(bob.device, 'turn');
    const before = bob.dump();
    for (const point of POINTS) {
      const forged = frame.slice();
      forged.set(point, 18);
      expect(codeOf(() => bob.tryReceive(alice.device, forged))).toBe('LOW_ORDER_POINT');
    }
    expect(bob.dump()).toBe(before);
    expect(bob.receive(alice.device, frame)).toBe('turn');
  });
});

describe('nothing is left behind', () => {
  it('in plain objects, logs or JSON of sessions and prekeys', () => {
    const { alice, bob } = answered();
    const session = alice.current(bob.device);
    const text = JSON.stringify(session);
    expect(text).toContain('[Secret root-key]');
    expect(text).not.toContain(JSON.stringify([...session.ratchet.root.expose()]).slice(1, 40));
  });

  it('of secrets that a commit has retired', () => {
    const { alice, bob } = answered();
    const before = bob.current(alice.device);
    const received = bob.tryReceive(alice.device, alice.send(bob.device, 'turn'));
    expect(received.commit.retired.length).toBeGreaterThan(0);
    expect(before.ratchet.root.wiped).toBe(false);
  });
});
