import { describe, expect, it } from 'vitest';
import type { Pdu } from '../events/pdu.ts';
import type { JsonObject } from '../json/value.ts';
import { ROOM_VERSIONS, type RoomVersion } from '../room-versions/rules.ts';
import type { EventId } from '../spec/identifiers/event-id.ts';
import { TestRoom, type TestEvent } from '../testing/event-factory.ts';
import { splitStates, splitStatesV1 } from './conflicts.ts';
import { StateResolutionError } from './errors.ts';
import { resolveState } from './resolve.ts';
import { isPowerEvent } from './resolve-v2.ts';
import { splitStateKey, stateKeyOf } from './state-key.ts';

const ALICE = '@alice:a.example';
const BOB = '@bob:b.example';
const EVE = '@eve:e.example';

const V2 = ROOM_VERSIONS.filter((version) => version !== '1');

/** A room with Bob at 50, from which branches fork. */
function fork(version: RoomVersion, joinRule = 'public') {
  const users: JsonObject = version === '12' ? { [BOB]: 50 } : { [ALICE]: 100, [BOB]: 50 };
  const room = new TestRoom({ version, joinRule: 'public', powerLevels: { users } });
  room.join(BOB);
  if (joinRule !== 'public') room.state('m.room.join_rules', '', { join_rule: joinRule });
  const base: readonly EventId[] = [...room.extremities];
  /** Adds events one after another from the fork, and gives the last one's id. */
  const branch = (...events: TestEvent[]): EventId => {
    let tip = base;
    for (const event of events) tip = [room.add({ ...event, prevEvents: tip }).eventId];
    const [last] = tip;
    if (last === undefined) throw new Error('a branch has events');
    return last;
  };
  const merged = (...tips: EventId[]) => {
    const state = resolveState(
      room.version,
      tips.map((tip) => room.stateAfter(tip)),
      room,
    );
    return (type: string, stateKey = '') => {
      const id = state.get(stateKeyOf(type, stateKey));
      return id === undefined ? undefined : room.get(id)?.content;
    };
  };
  return { room, users, branch, merged };
}

const topic = (sender: string, text: string, originServerTs?: number): TestEvent => ({
  type: 'm.room.topic',
  stateKey: '',
  sender,
  content: { topic: text },
  ...(originServerTs === undefined ? {} : { originServerTs }),
});
const ban = (sender: string, stateKey: string): TestEvent => ({
  type: 'm.room.member',
  stateKey,
  sender,
  content: { membership: 'ban' },
});
const levels = (sender: string, users: JsonObject): TestEvent => ({
  type: 'm.room.power_levels',
  stateKey: '',
  sender,
  content: { users },
});

describe.each(V2)('resolution in room version %s', (version) => {
  it('a ban goes before the topic of who was banned (spec: soft failure, example)', () => {
    const { branch, merged } = fork(version);
    const state = merged(branch(ban(ALICE, BOB)), branch(topic(BOB, 'evaded')));
    expect(state('m.room.member', BOB)).toEqual({ membership: 'ban' });
    expect(state('m.room.topic')).toBeUndefined();
  });

  it('a demotion goes before what its target did meanwhile', () => {
    const { users, branch, merged } = fork(version);
    const demoted = { ...users, [BOB]: 0 };
    const state = merged(branch(levels(ALICE, demoted)), branch(topic(BOB, 'one'), topic(BOB, 'two')));
    expect(state('m.room.power_levels')).toEqual({ users: demoted });
    expect(state('m.room.topic')).toBeUndefined();
  });

  it('of power changes at the same time that of the more powerful comes first', () => {
    const { users, branch, merged } = fork(version);
    const byBob = { ...users, [EVE]: 50 };
    const byAlice = { ...users, [BOB]: 0 };
    const state = merged(branch(levels(BOB, byBob)), branch(levels(ALICE, byAlice)));
    expect(state('m.room.power_levels')).toEqual({ users: byAlice });
  });

  it('what the more powerful did comes first: a demoted moderator bans nobody', () => {
    const { room, users, branch, merged } = fork(version);
    const demoting = branch(levels(ALICE, { ...users, [BOB]: 0 }));
    // Bob's ban is older, but Alice has more power.
    const banning = branch({ ...ban(BOB, EVE), originServerTs: 1_000 });
    const state = merged(demoting, banning);
    expect(room.get(demoting)?.originServerTs).toBeGreaterThan(1_000);
    expect(state('m.room.member', EVE)).toBeUndefined();
  });

  it('what all forks agree on stays, whatever outdated events a chain brings in', () => {
    const { room } = fork(version);
    const rules = stateKeyOf('m.room.join_rules', '');
    const [open] = [...room.events.values()].filter((event) => event.type === 'm.room.join_rules');
    const tips = [...room.extremities];
    const late = room.build({
      type: 'm.room.member',
      stateKey: EVE,
      sender: EVE,
      content: { membership: 'join' },
      prevEvents: tips,
    });
    const closed = room.state('m.room.join_rules', '', { join_rule: 'invite' });
    const without = room.currentState();
    room.accept(late);
    const states = [without, new Map(without).set(stateKeyOf('m.room.member', EVE), late.eventId)];
    // Only the second state reaches the old join rules, through Eve's join: they are part of the auth difference.
    expect(late.authEvents).toContain(open?.eventId);
    expect(closed.authEvents).not.toContain(open?.eventId);
    expect(resolveState(room.version, states, room).get(rules)).toBe(closed.eventId);
  });

  it('a closed door goes before those who came in meanwhile', () => {
    const { branch, merged } = fork(version);
    const closing = {
      type: 'm.room.join_rules',
      stateKey: '',
      sender: ALICE,
      content: { join_rule: 'invite' },
    };
    const joining = { type: 'm.room.member', stateKey: EVE, sender: EVE, content: { membership: 'join' } };
    const state = merged(branch(closing), branch(joining));
    expect(state('m.room.join_rules')).toEqual({ join_rule: 'invite' });
    expect(state('m.room.member', EVE)).toBeUndefined();
  });

  it('of equal events the later one stays, and at the same moment that with the larger id', () => {
    const { room, branch, merged } = fork(version);
    const late = branch(topic(ALICE, 'late', 2_000_000_000_000));
    const early = branch(topic(ALICE, 'early', 1_900_000_000_000));
    expect(merged(late, early)('m.room.topic')).toEqual({ topic: 'late' });
    const left = branch(topic(ALICE, 'left', 2_000_000_000_001));
    const right = branch(topic(ALICE, 'right', 2_000_000_000_001));
    const larger = left > right ? left : right;
    expect(merged(left, right)('m.room.topic')).toEqual(room.get(larger)?.content);
  });

  it('topics based on older power levels come before, and so yield to, those based on newer ones', () => {
    const { users, branch, merged } = fork(version);
    const old = branch(topic(BOB, 'based on the old', 2_000_000_000_000));
    const fresh = branch(levels(ALICE, { ...users, [EVE]: 1 }), topic(BOB, 'based on the new', 1_000));
    expect(merged(old, fresh)('m.room.topic')).toEqual({ topic: 'based on the new' });
  });

  it('a key that only one fork has is in conflict, and stays when it is allowed', () => {
    const { branch, merged } = fork(version);
    const state = merged(branch(topic(BOB, 'kept')), branch({ ...topic(BOB, 'x'), type: 'm.room.name' }));
    expect(state('m.room.topic')).toEqual({ topic: 'kept' });
    expect(state('m.room.name')).toEqual({ topic: 'x' });
  });
});

describe('room version 1', () => {
  it('keeps the topic of who was banned: only one fork has one (spec: soft failure, example)', () => {
    const { branch, merged } = fork('1');
    const state = merged(branch(ban(ALICE, BOB)), branch(topic(BOB, 'evaded')));
    expect(state('m.room.member', BOB)).toEqual({ membership: 'ban' });
    expect(state('m.room.topic')).toEqual({ topic: 'evaded' });
  });

  it('takes the deepest topic that is allowed', () => {
    const { branch, merged } = fork('1');
    const deep = branch(topic(BOB, 'one'), topic(BOB, 'two'));
    expect(merged(branch(topic(ALICE, 'shallow')), deep)('m.room.topic')).toEqual({ topic: 'two' });
    const banned = branch(ban(ALICE, BOB), topic(ALICE, 'shallow'));
    expect(
      merged(banned, branch(topic(BOB, 'one'), topic(BOB, 'two'), topic(BOB, 'three')))('m.room.topic'),
    ).toEqual({
      topic: 'shallow',
    });
  });

  it('of power levels takes the last of an unbroken run', () => {
    const { users, branch, merged } = fork('1');
    const first = branch(levels(ALICE, { ...users, [BOB]: 40 }));
    const second = branch(topic(ALICE, 'deeper'), levels(BOB, { ...users, [EVE]: 50 }));
    // Bob's change comes second and is beyond what the first left him.
    expect(merged(first, second)('m.room.power_levels')).toEqual({ users: { ...users, [BOB]: 40 } });
  });
});

/** The two problems of MSC4297, which version 2.1 of state resolution was made for, told with our own events. */
describe.each(['11', '12'] as const)('state resets in room version %s', (version) => {
  const isFixed = version === '12';
  const CHARLIE = '@charlie:c.example';
  const at = (events: readonly Pdu[]) =>
    new Map(events.map((event) => [stateKeyOf(event.type, event.stateKey ?? ''), event.eventId]));

  it('problem A: the admin has left, and the join rules of both forks are lost, or kept', () => {
    const room = new TestRoom({ version });
    const levels = room.current('m.room.power_levels');
    const open = room.current('m.room.join_rules');
    const bob = room.join(BOB);
    const charlie = room.join(CHARLIE);
    const closed = room.state('m.room.join_rules', '', { join_rule: 'invite' });
    const left = room.member(ALICE, 'leave');
    const base = [...room.extremities];
    const rename = (user: string) =>
      room.add({
        type: 'm.room.member',
        stateKey: user,
        sender: user,
        content: { membership: 'join', displayname: '++' },
        prevEvents: base,
      });
    const [bobs, charlies] = [rename(BOB), rename(CHARLIE)];
    if (!levels || !open) throw new Error('a room begins with both');
    const states = [
      at([room.create, levels, charlie, closed, left, bobs]),
      at([room.create, levels, open, bob, left, charlies]),
    ];
    const state = resolveState(room.version, states, room);
    expect(state.get(stateKeyOf('m.room.join_rules', ''))).toBe(isFixed ? closed.eventId : undefined);
    expect(state.get(stateKeyOf('m.room.member', BOB))).toBe(bobs.eventId);
    expect(state.get(stateKeyOf('m.room.member', CHARLIE))).toBe(charlies.eventId);
  });

  it('problem B: power levels fall back to the first, or not', () => {
    const own: JsonObject = version === '12' ? {} : { [ALICE]: 100 };
    const room = new TestRoom({ version });
    const [alice, first, open] = [...room.events.values()].slice(1);
    const bob = room.join(BOB);
    const charlie = room.join(CHARLIE);
    room.state('m.room.power_levels', '', { users: { ...own, [BOB]: 50 } });
    const third = room.state('m.room.power_levels', '', { users: { ...own, [BOB]: 50, [CHARLIE]: 50 } }, BOB);
    const base = [...room.extremities];
    const enter = (user: string, prevEvents: readonly EventId[], displayname: string) =>
      room.add({
        type: 'm.room.member',
        stateKey: user,
        sender: user,
        content: { membership: 'join', displayname },
        prevEvents,
      });
    const zara = enter('@zara:z.example', base, 'zara');
    const eve = enter(EVE, [enter(EVE, base, 'eve').eventId], 'eve++');
    if (!alice || !first || !open) throw new Error('a room begins with these');
    const shared = [room.create, alice, open, bob, charlie];
    const states = [at([...shared, third, zara]), at([...shared, first, eve])];
    const state = resolveState(room.version, states, room);
    expect(state.get(stateKeyOf('m.room.power_levels', ''))).toBe(isFixed ? third.eventId : first.eventId);
    expect(state.get(stateKeyOf('m.room.member', EVE))).toBe(eve.eventId);
    expect(state.get(stateKeyOf('m.room.member', '@zara:z.example'))).toBe(zara.eventId);
  });
});

describe('room version 12', () => {
  it('a creator outranks every admin', () => {
    const room = new TestRoom({ version: '12', powerLevels: { users: { [BOB]: 1_000_000 } } });
    room.join(BOB);
    const base = [...room.extremities];
    const byBob = room.add({ ...levels(BOB, { [BOB]: 1_000_000, [EVE]: 7 }), prevEvents: base }).eventId;
    const byAlice = room.add({ ...levels(ALICE, {}), prevEvents: base }).eventId;
    const state = resolveState(
      room.version,
      [byBob, byAlice].map((id) => room.stateAfter(id)),
      room,
    );
    expect(state.get(stateKeyOf('m.room.power_levels', ''))).toBe(byAlice);
  });
});

it('room version 1 judges each of the power levels by the one before', () => {
  const { users, branch, merged } = fork('1');
  const first = branch(levels(ALICE, { ...users, [BOB]: 60 }));
  const second = branch(topic(ALICE, 'deeper'), levels(BOB, { ...users, [EVE]: 50 }));
  // Without the first in place Bob would have no power at all.
  expect(merged(first, second)('m.room.power_levels')).toEqual({ users: { ...users, [EVE]: 50 } });
});

describe('the parts', () => {
  it('power events are those that may take power away', () => {
    const room = new TestRoom();
    const is = (type: string, stateKey: string | undefined, content: JsonObject = {}, sender = ALICE) =>
      isPowerEvent(room.build({ type, stateKey, content, sender }));
    expect(is('m.room.power_levels', '')).toBe(true);
    expect(is('m.room.power_levels', 'x')).toBe(false);
    expect(is('m.room.join_rules', '')).toBe(true);
    expect(is('m.room.create', '')).toBe(true);
    expect(is('m.room.member', BOB, { membership: 'ban' })).toBe(true);
    expect(is('m.room.member', BOB, { membership: 'leave' })).toBe(true);
    expect(is('m.room.member', ALICE, { membership: 'leave' })).toBe(false);
    expect(is('m.room.member', BOB, { membership: 'invite' })).toBe(false);
    expect(is('m.room.topic', '')).toBe(false);
    expect(is('m.room.message', undefined)).toBe(false);
  });

  it('state keys are packed without collisions', () => {
    const pairs = [
      ['a', 'b'],
      ['a', '\0b'],
      ['a\0', 'b'],
      ['a\0b', ''],
      ['', 'a\0b'],
      ['', '1:ab'],
      ['1:a', 'b'],
      ['', ''],
      ['m.room.member', '@a:b'],
    ] as const;
    expect(new Set(pairs.map(([type, key]) => stateKeyOf(type, key))).size).toBe(pairs.length);
    for (const [type, stateKey] of pairs)
      expect(splitStateKey(stateKeyOf(type, stateKey))).toEqual({ type, stateKey });
  });

  it('no states are an error, one state is itself', () => {
    const room = new TestRoom();
    expect(() => resolveState(room.version, [], room)).toThrow(StateResolutionError);
    expect(() => splitStatesV1([])).toThrow(StateResolutionError);
    expect(resolveState(room.version, [room.currentState()], room)).toEqual(room.currentState());
    expect(splitStates([room.currentState(), room.currentState()]).conflicted.size).toBe(0);
  });

  it('passes over events that are not at hand', () => {
    const { room, branch } = fork('11');
    const left = branch(topic(BOB, 'left'));
    const right = branch(topic(BOB, 'right'));
    const hidden = {
      get: (id: EventId) => (id === left ? undefined : room.get(id)),
      isRejected: () => false,
    };
    const state = resolveState(
      room.version,
      [left, right].map((id) => room.stateAfter(id)),
      hidden,
    );
    expect(state.get(stateKeyOf('m.room.topic', ''))).toBe(right);
  });

  it('rejected events authorise nothing', () => {
    const { room, branch, users } = fork('11');
    const left = branch(
      levels(ALICE, { ...users, [EVE]: 100 }),
      {
        type: 'm.room.member',
        stateKey: EVE,
        sender: EVE,
        content: { membership: 'join' },
      },
      topic(EVE, 'by Eve'),
    );
    const right = branch(topic(ALICE, 'by Alice'));
    const states = [left, right].map((id) => room.stateAfter(id));
    const promotion = [...room.events.values()].find((event) =>
      JSON.stringify(event.content).includes(`"${EVE}":100`),
    );
    const topicKey = stateKeyOf('m.room.topic', '');
    expect(resolveState(room.version, states, room).get(topicKey)).toBe(left);
    const judged = {
      get: (id: EventId) => room.get(id),
      isRejected: (id: EventId) => id === promotion?.eventId,
    };
    expect(resolveState(room.version, states, judged).get(topicKey)).toBe(right);
  });
});
