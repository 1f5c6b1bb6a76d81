import { describe, expect, it } from 'vitest';
import { combine, isLazy, selects, selectsAny } from './required-state.ts';
import type { StateElement, StateSelector } from './sliding-request.ts';

const selector = (include: Partial<StateElement>[], more: Partial<StateSelector> = {}): StateSelector => ({
  include: include.map(({ type, key }) => ({ type, key })),
  exclude: [],
  lazy: false,
  ...more,
});

describe('a selector of state', () => {
  it.each([
    ['a pair', selector([{ type: 'm.room.name', key: '' }]), 'm.room.name', '', true],
    ['another key', selector([{ type: 'm.room.name', key: '' }]), 'm.room.name', 'x', false],
    ['any key', selector([{ type: 'm.space.child' }]), 'm.space.child', '!x', true],
    ['any type', selector([{ key: '' }]), 'm.room.topic', '', true],
    ['anything', selector([{}]), 'm.room.member', '@a:x', true],
    ['anything but lazy members', selector([{}], { lazy: true }), 'm.room.member', '@a:x', false],
    [
      'a member by name, though lazy',
      selector([{ type: 'm.room.member', key: '@a:x' }], { lazy: true }),
      'm.room.member',
      '@a:x',
      true,
    ],
    [
      'what is excluded',
      selector([{}], { exclude: [{ type: 'm.room.create', key: '' }] }),
      'm.room.create',
      '',
      false,
    ],
    ['nothing', selector([]), 'm.room.name', '', false],
  ])('%s', (_what, wanted, type, key, expected) => {
    expect(selects(wanted, type, key)).toBe(expected);
  });
});

it('adds up the rules that match a room', () => {
  const lazy = selector([{ type: 'm.room.name', key: '' }], { lazy: true });
  const topic = selector([{ type: 'm.room.topic', key: '' }]);
  const both = combine([
    { timelineLimit: 1, selectors: [lazy] },
    { timelineLimit: 20, selectors: [topic] },
    { timelineLimit: 5, selectors: [topic] },
  ]);
  expect(both.timelineLimit).toBe(20);
  expect(both.selectors.length).toBe(2);
  expect(isLazy(both.selectors)).toBe(true);
  expect(selectsAny(both.selectors, 'm.room.topic', '')).toBe(true);
  // The order in which they match makes no other rule of them.
  expect(combine([{ timelineLimit: 20, selectors: [topic, lazy] }])).toEqual(both);
});
