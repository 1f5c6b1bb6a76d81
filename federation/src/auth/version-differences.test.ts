import { describe, expect, it } from 'vitest';
import { RawNumber, type JsonValue } from '../json/value.ts';
import { ROOM_VERSIONS, RULES } from '../room-versions/rules.ts';
import { ALICE, BOB, EVE, joinBy, knock, MOD, Scene } from '../testing/auth-scene.ts';
import { readLevel } from './power.ts';

const from = (first: number, last = 12) =>
  ROOM_VERSIONS.filter((version) => Number(version) >= first && Number(version) <= last);

describe('levels written as text (spec: room version 1, power levels as strings)', () => {
  const cases: [text: string, level: number | undefined][] = [
    ['100', 100],
    ['000100', 100],
    ['+100', 100],
    ['-100', -100],
    [' 100 ', 100],
    [' 00100 ', 100],
    [' +100 ', 100],
    [' -100 ', -100],
    ['-0', 0],
    ['1.5', undefined],
    ['1e3', undefined],
    ['0x10', undefined],
    ['- 1', undefined],
    ['1_000', undefined],
    ['', undefined],
    [' ', undefined],
    ['9007199254740993', undefined],
  ];
  it.each(cases)('%j is %s up to version 9', (text, level) => {
    for (const version of from(1, 9)) expect(readLevel(RULES[version].auth, text)).toBe(level);
  });
  it.each(cases)('%j is no level from version 10 on', (text) => {
    for (const version of from(10)) expect(readLevel(RULES[version].auth, text)).toBeUndefined();
  });
});

it('cuts floats at the point up to version 9, whose JSON holds them up to version 5', () => {
  const { auth } = RULES['5'];
  expect(readLevel(auth, new RawNumber('50.57'))).toBe(50);
  expect(readLevel(auth, new RawNumber('5.114698E4'))).toBe(51146);
  expect(readLevel(auth, new RawNumber('-0.9'))).toBe(0);
  expect(readLevel(auth, new RawNumber('1e400'))).toBeUndefined();
  expect(readLevel(RULES['10'].auth, new RawNumber('50.0'))).toBeUndefined();
});

it.each<JsonValue>([null, true, [], {}, [1]])('never takes %j as a level', (value) => {
  for (const version of ROOM_VERSIONS) expect(readLevel(RULES[version].auth, value)).toBeUndefined();
});

describe('changes between room versions', () => {
  it.each(ROOM_VERSIONS)('version %s: notification levels are guarded from version 6 on', (version) => {
    const decision = new Scene(version).levels({ notifications: { room: 60 } }).changes(MOD, {});
    expect(decision.allowed).toBe(Number(version) < 6);
    if (Number(version) >= 6) expect(decision.rule).toBe('power_levels.map_current');
  });

  it.each(ROOM_VERSIONS)('version %s: knocking from version 7 on', (version) => {
    expect(knock(version, 'knock', 'leave').allowed).toBe(Number(version) >= 7);
    expect(joinBy(version, 'knock', 'invite').allowed).toBe(Number(version) >= 7);
    const leave = new Scene(version).member(EVE, 'knock').acts(EVE, 'leave');
    expect(leave).toEqual({ allowed: Number(version) >= 7, rule: 'leave.self' });
  });

  it.each(ROOM_VERSIONS)('version %s: restricted joins from 8, knock_restricted from 10', (version) => {
    const authorised = { join_authorised_via_users_server: BOB };
    expect(joinBy(version, 'restricted', 'leave', authorised).allowed).toBe(Number(version) >= 8);
    expect(joinBy(version, 'knock_restricted', 'leave', authorised).allowed).toBe(Number(version) >= 10);
    expect(knock(version, 'knock_restricted', 'leave').allowed).toBe(Number(version) >= 10);
  });

  it.each(ROOM_VERSIONS)('version %s: text levels in a new event end with version 10', (version) => {
    expect(new Scene(version).changes(ALICE, { invite: '0' }).allowed).toBe(Number(version) < 10);
  });

  it.each(ROOM_VERSIONS)('version %s: aliases need no membership up to version 5', (version) => {
    const decision = new Scene(version).sends(EVE, 'm.room.aliases', { aliases: [] }, 'e.example');
    expect(decision.allowed).toBe(Number(version) < 6);
  });

  it.each(ROOM_VERSIONS)('version %s: creators have infinite power from version 12 on', (version) => {
    const scene = new Scene(version, { create: { additional_creators: [BOB] } });
    scene.levels({ events: { 'm.room.tombstone': 1_000_000 } });
    for (const creator of [ALICE, BOB]) {
      const decision = scene.sends(creator, 'm.room.tombstone', {}, '');
      expect(decision.allowed).toBe(Number(version) >= 12);
    }
    // Creators cannot act against each other: neither has less power.
    expect(scene.acts(BOB, 'leave', ALICE).allowed).toBe(false);
    expect(scene.acts(ALICE, 'ban', BOB).allowed).toBe(Number(version) < 12);
  });

  it.each(ROOM_VERSIONS)('version %s: a room without join rules is by invitation only', (version) => {
    const scene = new Scene(version).without('m.room.join_rules');
    expect(scene.member(EVE, 'leave').acts(EVE, 'join').allowed).toBe(false);
    expect(scene.member(EVE, 'invite').acts(EVE, 'join').allowed).toBe(true);
  });
});

describe('names that objects inherit', () => {
  it.each(['toString', 'constructor', '__proto__', 'hasOwnProperty'])(
    '%s is an event type like others',
    (type) => {
      const scene = new Scene('11');
      expect(scene.sends(BOB, type)).toEqual({ allowed: true, rule: 'otherwise' });
      expect(scene.sends(BOB, type, {}, '')).toEqual({ allowed: false, rule: 'sender.level' });
    },
  );
});
