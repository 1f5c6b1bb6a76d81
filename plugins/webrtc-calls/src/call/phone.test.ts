import { describe, expect, it } from 'vitest';
import { World, type Device } from '../testing/world.ts';

const ROOM = '!room:a';
const ALICE = '@alice:a';
const BOB = '@bob:b';

const scene = () => {
  let next = 0;
  const world = new World(() => `id${String((next += 1)).padStart(3, '0')}`);
  const [alice, bob, bob2] = [world.add(ALICE, 'A1'), world.add(BOB, 'B1'), world.add(BOB, 'B2')];
  return { world, alice, bob, bob2 };
};
const phases = (...devices: Device[]) => devices.map((device) => device.calls().map(({ phase }) => phase));
const ends = (...devices: Device[]) => devices.map((device) => device.calls().map(({ ended }) => ended));
const types = (world: World) => world.sent.map(({ type }) => type.replace('m.call.', ''));

describe('one to one', () => {
  it('rings everywhere, connects to who answers, and stops at the other device', () => {
    const { world, alice, bob, bob2 } = scene();
    const callId = alice.phone.place(ROOM, BOB, true, world.now);
    world.quiet();
    expect(phases(alice, bob, bob2)).toEqual([['inviting'], ['ringing'], ['ringing']]);
    bob.phone.answer(callId, true, world.now);
    world.quiet();
    expect(phases(alice, bob)).toEqual([['connected'], ['connected']]);
    expect(ends(bob2)).toEqual([['answered-elsewhere']]);
    expect(alice.phone.call(callId)?.peer).toEqual({ userId: BOB, partyId: 'party-B1', deviceId: 'B1' });
    bob.phone.hangUp(callId, world.now);
    world.quiet();
    expect(ends(alice, bob)).toEqual([['remote-hung-up'], ['hung-up']]);
  });

  it('shows no address before the answer, then tries the direct path', () => {
    const { world, alice, bob } = scene();
    const callId = alice.phone.place(ROOM, BOB, false, world.now);
    world.quiet();
    expect(alice.relayed).toEqual([true]);
    bob.phone.answer(callId, false, world.now);
    world.quiet();
    expect(alice.relayed).toEqual([true, false]);
    expect(types(world).slice(0, 5)).toEqual(['invite', 'answer', 'select_answer', 'negotiate', 'negotiate']);
    world.pass(2_000);
    expect(phases(alice, bob)).toEqual([['connected'], ['connected']]);
  });

  it('is declined, given up, missed and unanswered in words of their own', () => {
    const declined = scene();
    const first = declined.alice.phone.place(ROOM, BOB, false, 0);
    declined.world.quiet();
    declined.bob.phone.decline(first, 0);
    declined.world.quiet();
    expect(ends(declined.alice, declined.bob, declined.bob2)).toEqual([
      ['declined'],
      ['declined-here'],
      ['declined-elsewhere'],
    ]);

    const given = scene();
    const second = given.alice.phone.place(ROOM, BOB, false, given.world.now);
    given.world.quiet();
    given.alice.phone.hangUp(second, given.world.now);
    given.world.quiet();
    expect(ends(given.alice, given.bob, given.bob2)).toEqual([['hung-up'], ['missed'], ['missed']]);

    const unanswered = scene();
    unanswered.alice.phone.place(ROOM, BOB, false, unanswered.world.now);
    unanswered.world.pass(61_000);
    expect(ends(unanswered.alice, unanswered.bob)).toEqual([['no-answer'], ['missed']]);
  });

  it('takes the first of two answers, and the other device hears of it', () => {
    const { world, alice, bob, bob2 } = scene();
    const callId = alice.phone.place(ROOM, BOB, false, world.now);
    world.quiet();
    for (const device of [bob, bob2]) {
      device.phone.answer(callId, false, world.now);
      device.settle();
      device.work();
    }
    world.quiet();
    expect(phases(alice, bob)).toEqual([['connected'], ['connected']]);
    expect(ends(bob2)).toEqual([['answered-elsewhere']]);
  });

  it('rings only for what is still ringing when a batch has been taken', () => {
    const { world, alice, bob } = scene();
    const callId = alice.phone.place(ROOM, BOB, false, world.now);
    alice.settle();
    alice.work();
    alice.phone.hangUp(callId, world.now);
    alice.settle();
    expect(bob.inbox.map(({ type }) => type)).toEqual(['m.call.invite', 'm.call.hangup']);
    bob.receive();
    expect(ends(bob)).toEqual([['missed']]);
  });

  it('does not ring for an invitation whose end came first, or that is old', () => {
    const { world, alice, bob } = scene();
    const callId = alice.phone.place(ROOM, BOB, false, world.now);
    alice.settle();
    alice.work();
    alice.phone.hangUp(callId, world.now);
    alice.settle();
    bob.inbox.reverse();
    bob.receive();
    expect(ends(bob)).toEqual([['missed']]);
    alice.phone.place(ROOM, BOB, false, world.now);
    alice.settle();
    alice.work();
    world.now += 60_001;
    bob.receive();
    expect(phases(bob)).toEqual([['ended']]);
  });

  it('says that the line is busy, and answers a second call only when asked', () => {
    const { world, alice, bob } = scene();
    const carol = world.add('@carol:c', 'C1');
    const first = alice.phone.place(ROOM, BOB, false, world.now);
    world.quiet();
    bob.phone.answer(first, false, world.now);
    world.quiet();
    const second = carol.phone.place('!other:c', BOB, false, world.now);
    world.quiet();
    expect(bob.phone.call(second)?.phase).toBe('ringing');
    bob.phone.decline(second, world.now);
    world.quiet();
    expect(ends(carol)).toEqual([['busy']]);
    expect(phases(alice)).toEqual([['connected']]);
  });

  it('goes on ringing when the microphone is refused', () => {
    const { world, alice, bob } = scene();
    const callId = alice.phone.place(ROOM, BOB, false, world.now);
    world.quiet();
    bob.phone.answer(callId, false, world.now);
    bob.phone.mediaFailed(callId, 'denied', world.now);
    bob.phone.drain();
    expect(bob.phone.call(callId)).toMatchObject({ phase: 'ringing', problem: 'denied' });
    bob.phone.answer(callId, false, world.now);
    world.quiet();
    expect(phases(alice, bob)).toEqual([['connected'], ['connected']]);
  });
});

describe('both call at once', () => {
  it.each([
    ['the first', 0],
    ['the second', 1],
  ])('goes on with the lower id when %s has it', (_, lower) => {
    const { world, alice, bob, bob2 } = scene();
    const callers = lower === 0 ? [alice, bob] : [bob, alice];
    for (const device of callers) {
      device.phone.place(ROOM, device === alice ? BOB : ALICE, false, world.now);
      device.settle();
      device.work();
    }
    world.quiet();
    expect([alice.inPhase('connected')?.callId, bob.inPhase('connected')?.callId]).toEqual([
      'id001',
      'id001',
    ]);
    expect(callers[1]?.calls().map(({ ended }) => ended)).toEqual(['replaced', undefined]);
    expect(bob2.calls().every(({ phase }) => phase === 'ended')).toBe(true);
  });

  it('answers the other call when the own one was not sent yet', () => {
    const { world, alice, bob } = scene();
    alice.phone.place(ROOM, BOB, false, world.now);
    bob.phone.place(ROOM, ALICE, true, world.now);
    alice.settle();
    alice.work();
    bob.settle();
    bob.receive();
    bob.jobs.shift();
    world.quiet();
    expect([alice.inPhase('connected')?.callId, bob.inPhase('connected')?.callId]).toEqual([
      'id001',
      'id001',
    ]);
    expect(types(world).filter((type) => type === 'invite')).toHaveLength(1);
  });

  it('answers a call that rings when its caller is called', () => {
    const { world, alice, bob } = scene();
    const callId = alice.phone.place(ROOM, BOB, false, world.now);
    world.quiet();
    expect(bob.phone.place(ROOM, ALICE, false, world.now)).toBe(callId);
  });
});

const connected = () => {
  const all = scene();
  const callId = all.alice.phone.place(ROOM, BOB, false, all.world.now);
  all.world.quiet();
  all.bob.phone.answer(callId, false, all.world.now);
  all.world.pass(2_000);
  return { ...all, callId };
};

describe('a lost connection', () => {
  it('is offered anew by the caller and comes back', () => {
    const { world, alice, bob, callId } = connected();
    for (const { phone } of [alice, bob]) phone.connection(callId, 'disconnected', world.now);
    expect(phases(alice, bob)).toEqual([['reconnecting'], ['reconnecting']]);
    world.pass(2_500);
    expect(phases(alice, bob)).toEqual([['connected'], ['connected']]);
    expect(types(world).filter((type) => type === 'negotiate')).toHaveLength(4);
  });

  it('is offered by the callee when the caller does not notice', () => {
    const { world, alice, bob, callId } = connected();
    bob.phone.connection(callId, 'failed', world.now);
    world.pass(7_000);
    expect(phases(alice, bob)).toEqual([['connected'], ['connected']]);
  });

  it('takes the caller’s offer when both make one', () => {
    const { world, alice, bob, callId } = connected();
    for (const { phone } of [alice, bob]) phone.connection(callId, 'disconnected', world.now);
    world.now += 6_000;
    for (const device of [alice, bob]) {
      device.phone.tick(world.now);
      device.settle();
      device.work();
    }
    world.quiet();
    expect(phases(alice, bob)).toEqual([['connected'], ['connected']]);
    expect([bob.taken.get(callId), alice.taken.get(callId)]).toEqual([
      alice.made.get(callId),
      bob.made.get(callId),
    ]);
  });

  it('is tried again while the server cannot be reached, and given up in time', () => {
    const { world, alice, bob, callId } = connected();
    for (const { phone } of [alice, bob]) phone.connection(callId, 'disconnected', world.now);
    // Nothing that is sent arrives for a while.
    for (let second = 0; second < 20; second++) {
      world.now += 1_000;
      for (const device of [alice, bob]) {
        device.phone.tick(world.now);
        device.settle();
        while (device.jobs.length > 0) device.work();
        device.inbox.length = 0;
      }
    }
    expect(phases(alice, bob)).toEqual([['reconnecting'], ['reconnecting']]);
    world.pass(20_000);
    expect(phases(alice, bob)).toEqual([['connected'], ['connected']]);
    alice.phone.connection(callId, 'failed', world.now);
    bob.inbox.length = 0;
    world.devices.splice(world.devices.indexOf(bob), 1);
    world.pass(60_000);
    expect(ends(alice)).toEqual([['connection-lost']]);
  });
});

describe('who is at the other end', () => {
  it('is one device: nobody else of the room speaks for it', () => {
    const { world, alice, bob, callId } = connected();
    const content = { call_id: callId, version: '1', party_id: 'party-B1', reason: 'user_hangup' };
    const signal = { roomId: ROOM, type: 'm.call.hangup', content, age: 0, via: 'room' as const };
    alice.phone.signals([{ ...signal, sender: '@mallory:m', deviceId: 'B1' }], world.now);
    alice.phone.signals([{ ...signal, sender: BOB, deviceId: 'B2' }], world.now);
    alice.phone.signals([{ ...signal, roomId: '!other:a', sender: BOB, deviceId: 'B1' }], world.now);
    expect(phases(alice, bob)).toEqual([['connected'], ['connected']]);
    alice.phone.signals([{ ...signal, sender: BOB, deviceId: 'B1' }], world.now);
    expect(ends(alice)).toEqual([['remote-hung-up']]);
  });

  it('must be proven: a call being set up is refused with a warning', () => {
    const { world, alice, bob } = scene();
    alice.phone.place(ROOM, BOB, false, world.now);
    world.quiet();
    alice.phone.refuse(ROOM, '@carol:c', world.now);
    expect(phases(alice)).toEqual([['inviting']]);
    alice.phone.refuse(ROOM, BOB, world.now);
    world.quiet();
    expect(ends(alice, bob)).toEqual([['identity'], ['missed']]);
    expect(alice.warnings).toEqual(['@carol:c', BOB]);
  });

  it('is refused when the media’s key is not the one that was signed for', () => {
    const { world, alice, callId } = connected();
    alice.phone.connection(callId, 'mismatch', world.now);
    expect(ends(alice)).toEqual([['identity']]);
  });
});
