import { beforeAll, describe, expect, it } from 'vitest';

import { utf8 } from '../primitives/bytes.ts';
import { loadSodium } from '../primitives/sodium.ts';
import { confirmationTag } from './session.ts';
import { Party } from './testing/party.ts';

beforeAll(loadSodium);

const pair = (withOneTime = true): { alice: Party; bob: Party } => {
  const alice = new Party('alice');
  const bob = new Party('bob');
  alice.open(bob.device, bob.bundle(withOneTime));
  return { alice, bob };
};

describe('a session', () => {
  it('carries messages both ways, with and without a one-time prekey', () => {
    for (const withOneTime of [true, false]) {
      const { alice, bob } = pair(withOneTime);
      expect(bob.receive(alice.device, alice.send(bob.device, 'one'))).toBe('one');
      expect(bob.receive(alice.device, alice.send(bob.device, 'two'))).toBe('two');
      expect(alice.receive(bob.device, bob.send(alice.device, 'three'))).toBe('three');
      for (let turn = 0; turn < 20; turn++) {
        expect(bob.receive(alice.device, alice.send(bob.device, `ping ${turn}`))).toBe(`ping ${turn}`);
        expect(alice.receive(bob.device, bob.send(alice.device, `pong ${turn}`))).toBe(`pong ${turn}`);
      }
    }
  });

  it('describes itself until it is answered, then goes by its id', () => {
    const { alice, bob } = pair();
    const first = alice.send(bob.device, 'one');
    const second = alice.send(bob.device, 'two');
    expect([first[1], second[1]]).toEqual([0, 0]);
    // The second frame alone starts the session; the first then belongs to it.
    expect(bob.receive(alice.device, second)).toBe('two');
    expect(bob.receive(alice.device, first)).toBe('one');
    const answer = bob.send(alice.device, 'three');
    expect(answer[1]).toBe(1);
    alice.receive(bob.device, answer);
    expect(alice.send(bob.device, 'four')[1]).toBe(1);
  });

  it('ends in the same confirmation on both sides, and only there', () => {
    const { alice, bob } = pair();
    bob.receive(alice.device, alice.send(bob.device, 'hello'));
    const purpose = utf8('link');
    const tag = confirmationTag(alice.current(bob.device), purpose);
    expect(confirmationTag(bob.current(alice.device), purpose)).toEqual(tag);
    const other = pair(false);
    expect(confirmationTag(other.alice.current(other.bob.device), purpose)).not.toEqual(tag);
  });

  it('bound to a shared secret opens only for who knows it', () => {
    const alice = new Party('alice');
    const bob = new Party('bob');
    const secret = utf8('one-time secret of a QR code');
    alice.open(bob.device, bob.bundle(), secret);
    const frame = alice.send(bob.device, 'link me');
    expect(() => bob.receive(alice.device, frame)).toThrow('SESSION_ID_MISMATCH');
    expect(() => bob.receive(alice.device, frame, utf8('guess'))).toThrow('SESSION_ID_MISMATCH');
    expect(bob.receive(alice.device, frame, secret)).toBe('link me');
  });
});
