import { beforeAll, describe, expect, it } from 'vitest';

import { toHex } from '../primitives/bytes.ts';
import { isCryptoError } from '../primitives/errors.ts';
import { loadSodium } from '../primitives/sodium.ts';
import { decodeFrame } from './frame.ts';
import { decodeSession, decodeTable, encodeSession, encodeTable } from './record.ts';
import { isAnswered, makeSessionError, sessionErrorSid, takeSessionError } from './session-error.ts';
import { currentEntry, MAX_SESSIONS, requireMayOpen, SESSION_INTERVAL_MS } from './table.ts';
import { Party } from './testing/party.ts';
import { present } from './testing/present.ts';

beforeAll(loadSodium);

const answered = () => {
  const alice = new Party('alice');
  const bob = new Party('bob');
  alice.open(bob.device, bob.bundle());
  bob.receive(alice.device, alice.send(bob.device, 'hello'));
  alice.receive(bob.device, bob.send(alice.device, 'hello'));
  return { alice, bob };
};

/** What `party` answers to a frame that it cannot read. */
const answerTo = (party: Party, peer: Party, bytes: Uint8Array) => {
  try {
    party.tryReceive(peer.device, bytes);
  } catch (error) {
    expect(isAnswered(error)).toBe(true);
    const made = makeSessionError(
      party.local,
      peer.device,
      decodeFrame(bytes),
      party.table(peer.device),
      party.now,
    );
    if (made !== undefined) party.tables.set(peer.device.deviceId, encodeTable(made.table));
    return made?.content;
  }
  throw new Error('the frame was readable');
};

describe('a lost session', () => {
  it('is answered, archived and replaced by a fresh handshake', () => {
    const { alice, bob } = answered();
    bob.sessions.clear();
    bob.tables.clear();
    const lost = alice.send(bob.device, 'lost');
    const content = answerTo(bob, alice, lost);
    const session = alice.current(bob.device);
    expect(sessionErrorSid(content)).toBe(toHex(session.sid));
    const table = takeSessionError(alice.local, bob.device, content, session, alice.table(bob.device));
    alice.tables.set('BOB', encodeTable(table));
    expect(currentEntry(table)).toBeUndefined();
    // Less than an hour after the first one.
    expect(() => alice.open(bob.device, bob.bundle())).toThrow('SESSION_RATE_LIMITED');
    alice.now += SESSION_INTERVAL_MS;
    alice.open(bob.device, bob.bundle());
    expect(bob.receive(alice.device, alice.send(bob.device, 'again'))).toBe('again');
    expect(alice.receive(bob.device, bob.send(alice.device, 'yes'))).toBe('yes');
  });

  it('still reads what was in flight after it was archived', () => {
    const { alice, bob } = answered();
    const inFlight = bob.send(alice.device, 'in flight');
    const sid = toHex(alice.current(bob.device).sid);
    const bobs = present(bob.session(alice.device, sid));
    bob.sessions.clear();
    const content = answerTo(bob, alice, alice.send(bob.device, 'lost'));
    const table = takeSessionError(
      alice.local,
      bob.device,
      content,
      alice.current(bob.device),
      alice.table(bob.device),
    );
    alice.tables.set('BOB', encodeTable(table));
    expect(bobs.sid).toBeDefined();
    expect(alice.receive(bob.device, inFlight)).toBe('in flight');
    expect(currentEntry(alice.table(bob.device))).toBeUndefined();
  });

  it('is answered for a handshake whose prekeys are gone', () => {
    const alice = new Party('alice');
    const bob = new Party('bob');
    alice.open(bob.device, bob.bundle());
    bob.oneTime.clear();
    const content = answerTo(bob, alice, alice.send(bob.device, 'hello'));
    const session = alice.current(bob.device);
    expect(() =>
      takeSessionError(alice.local, bob.device, content, session, alice.table(bob.device)),
    ).not.toThrow();
  });

  it('is answered once an hour, and eight in an hour at most', () => {
    const { alice, bob } = answered();
    const frame = alice.send(bob.device, 'lost');
    bob.sessions.clear();
    expect(answerTo(bob, alice, frame)).toBeDefined();
    expect(answerTo(bob, alice, frame)).toBeUndefined();
    let answers = 1;
    for (let i = 0; i < 20; i++) {
      const other = frame.slice();
      other[2] = i;
      if (answerTo(bob, alice, other) !== undefined) answers++;
    }
    expect(answers).toBe(8);
    bob.now += SESSION_INTERVAL_MS;
    expect(answerTo(bob, alice, frame)).toBeDefined();
  });

  it('cannot be declared by anyone but the peer, nor by an error from before', () => {
    const { alice, bob } = answered();
    const mallory = new Party('mallory');
    const session = () => alice.current(bob.device);
    const stale = alice.send(bob.device, 'stale');
    const take = (content: unknown): string => {
      try {
        takeSessionError(alice.local, bob.device, content, session(), alice.table(bob.device));
      } catch (error) {
        return isCryptoError(error) ? error.message : 'unnamed';
      }
      return 'archived';
    };
    const make = (by: Party, frame: Uint8Array, to: Party = alice) =>
      makeSessionError(by.local, to.device, decodeFrame(frame), by.table(to.device), by.now)?.content;
    expect(take(make(mallory, stale))).toBe('BAD_SESSION_ERROR: signature');
    expect(take(make(bob, stale, mallory))).toBe('BAD_SESSION_ERROR: signature');
    const good = present(make(bob, stale));
    expect(take(good)).toBe('archived');
    for (const bad of [
      null,
      [],
      'x',
      {},
      { ...good, sid: 5 },
      { ...good, dh: 'AA' },
      { ...good, signature: '*' },
    ])
      expect(take(bad)).toMatch(/^BAD_SESSION_ERROR/);
    // The ratchet turns: the error is about a key that is no longer current.
    bob.receive(alice.device, stale);
    alice.receive(bob.device, bob.send(alice.device, 'answer'));
    alice.send(bob.device, 'turn');
    expect(take(good)).toBe('BAD_SESSION_ERROR: not current');
  });
});

describe('the session table', () => {
  it('keeps eight sessions per device and drops the one out of use for longest', () => {
    const alice = new Party('alice');
    const bob = new Party('bob');
    const opened: string[] = [];
    for (let i = 0; i < MAX_SESSIONS + 3; i++) {
      alice.now += SESSION_INTERVAL_MS;
      opened.push(toHex(alice.open(bob.device, bob.bundle()).sid));
      bob.receive(alice.device, alice.send(bob.device, `session ${i}`));
    }
    for (const [party, peer] of [
      [alice, bob],
      [bob, alice],
    ] as const) {
      expect(party.table(peer.device).entries.map(({ sid }) => sid)).toEqual(opened.slice(3).reverse());
      expect(party.sessions.size).toBe(MAX_SESSIONS);
    }
  });

  it('brings two sides that open at the same time onto one session', () => {
    for (let i = 0; i < 6; i++) {
      const alice = new Party('alice', `race ${i}`);
      const bob = new Party('bob', `race ${i}`);
      alice.open(bob.device, bob.bundle());
      bob.open(alice.device, alice.bundle());
      const fromAlice = alice.send(bob.device, 'from alice');
      const fromBob = bob.send(alice.device, 'from bob');
      expect(bob.receive(alice.device, fromAlice)).toBe('from alice');
      expect(alice.receive(bob.device, fromBob)).toBe('from bob');
      expect(alice.current(bob.device).sid).toEqual(bob.current(alice.device).sid);
      for (let turn = 0; turn < 3; turn++) {
        expect(bob.receive(alice.device, alice.send(bob.device, 'a'))).toBe('a');
        expect(alice.receive(bob.device, bob.send(alice.device, 'b'))).toBe('b');
      }
      expect(alice.current(bob.device).sid).toEqual(bob.current(alice.device).sid);
    }
  });

  it('follows a peer that has lost everything and starts anew', () => {
    const { alice, bob } = answered();
    bob.sessions.clear();
    bob.tables.clear();
    bob.open(alice.device, alice.bundle());
    expect(alice.receive(bob.device, bob.send(alice.device, 'new start'))).toBe('new start');
    expect(alice.current(bob.device).sid).toEqual(bob.current(alice.device).sid);
    expect(bob.receive(alice.device, alice.send(bob.device, 'welcome'))).toBe('welcome');
  });

  it('allows one new session an hour', () => {
    const { alice, bob } = answered();
    const table = alice.table(bob.device);
    expect(() => requireMayOpen(table, alice.now + SESSION_INTERVAL_MS - 1)).toThrow('SESSION_RATE_LIMITED');
    expect(() => requireMayOpen(table, alice.now + SESSION_INTERVAL_MS)).not.toThrow();
  });
});

describe('records', () => {
  it('give back the same session and table, and refuse every cut and every trailing byte', () => {
    const { alice, bob } = answered();
    for (let i = 0; i < 60; i++) {
      alice.send(bob.device, 'lost');
      bob.receive(alice.device, alice.send(bob.device, 'x'));
      alice.receive(bob.device, bob.send(alice.device, 'y'));
    }
    const [firstsession] = bob.sessions.values();
    const session = present(firstsession);
    const [firsttable] = bob.tables.values();
    const table = present(firsttable);
    expect(encodeSession(decodeSession(session))).toEqual(session);
    expect(encodeTable(decodeTable(table))).toEqual(table);
    const named = (act: () => unknown): boolean => {
      try {
        act();
        return false;
      } catch (error) {
        return isCryptoError(error);
      }
    };
    for (let cut = 0; cut < session.length; cut++)
      expect(named(() => decodeSession(session.subarray(0, cut)))).toBe(true);
    for (let cut = 0; cut < table.length; cut++)
      expect(named(() => decodeTable(table.subarray(0, cut)))).toBe(true);
    expect(named(() => decodeSession(Uint8Array.of(...session, 0)))).toBe(true);
    expect(named(() => decodeTable(Uint8Array.of(...table, 0)))).toBe(true);
  });

  it('with any byte changed are refused by name or read as another record, never worse', () => {
    const { alice, bob } = answered();
    const [firstsession] = alice.sessions.values();
    const session = present(firstsession);
    for (let at = 0; at < session.length; at++) {
      const bad = session.slice();
      bad[at] = (bad[at] ?? 0) ^ 0xff;
      try {
        expect(encodeSession(decodeSession(bad))).toEqual(bad);
      } catch (error) {
        expect(isCryptoError(error), `byte ${at}`).toBe(true);
      }
    }
    expect(bob.sessions.size).toBe(1);
  });
});
