import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PositionWindow } from './position-window.ts';

const windowOf = (...blocks: [number, number][]): PositionWindow => {
  const window = new PositionWindow();
  for (const [from, to] of blocks) window.add({ id: `${from}`, from, to });
  return window;
};

describe('PositionWindow', () => {
  it('hands out ascending positions over the edge of a block', () => {
    const window = windowOf([5, 6], [10, 12]);
    expect(window.available()).toBe(5);
    expect(window.reserve(3)).toEqual([5, 6, 10]);
    expect(window.reserve(3)).toBeUndefined();
    expect(window.reserve(2)).toEqual([11, 12]);
    expect(window.available()).toBe(0);
  });

  it('keeps its floor at the oldest unsettled position, however later ones go', () => {
    const window = windowOf([1, 10]);
    const [first = 0, second = 0] = window.reserve(2) ?? [];
    window.settle([second]);
    expect(window.floor()).toBe(first);
    window.settle([first]);
    expect(window.floor()).toBe(3);
    expect(window.highestSettled()).toBe(2);
  });

  it('gives up unused positions, but none that are in flight', () => {
    const window = windowOf([1, 10]);
    window.reserve(2);
    window.abandonUpTo(7);
    expect(window.floor()).toBe(1);
    window.settle([1, 2]);
    expect(window.floor()).toBe(8);
    expect(window.reserve(1)).toEqual([8]);
    window.abandonUpTo(10);
    window.settle([8]);
    expect(window.floor()).toBeUndefined();
    expect(window.takeFinished()).toHaveLength(1);
    window.add({ id: 'next', from: 20, to: 21 });
    expect(window.reserve(2)).toEqual([20, 21]);
  });

  it('hands out nothing of a block that somebody else closed', () => {
    const window = windowOf([1, 2], [5, 6]);
    window.reserve(1);
    window.drop('1');
    expect(window.floor()).toBe(1);
    expect(window.reserve(1)).toEqual([5]);
    window.settle([1]);
    expect(window.floor()).toBe(5);
  });

  it('never has a floor above anything it may still commit', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('reserve' as const), count: fc.integer({ min: 1, max: 5 }) }),
      fc.record({ kind: fc.constant('settle' as const), pick: fc.nat() }),
      fc.record({ kind: fc.constant('abandon' as const), by: fc.integer({ min: 0, max: 8 }) }),
      fc.record({ kind: fc.constant('add' as const), gap: fc.nat(5), size: fc.integer({ min: 1, max: 9 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const window = new PositionWindow();
        const open = new Set<number>();
        let top = 0;
        let highest = 0;
        for (const action of steps) {
          if (action.kind === 'add') {
            const from = top + 1 + action.gap;
            top = from + action.size - 1;
            window.add({ id: `${from}`, from, to: top });
          } else if (action.kind === 'reserve') {
            for (const position of window.reserve(action.count) ?? []) {
              expect(position).toBeGreaterThan(highest);
              highest = position;
              open.add(position);
            }
          } else if (action.kind === 'settle') {
            const position = [...open][action.pick % Math.max(1, open.size)];
            if (position !== undefined) {
              open.delete(position);
              window.settle([position]);
            }
          } else window.abandonUpTo(highest + action.by);
          window.takeFinished();
          const floor = window.floor() ?? Number.POSITIVE_INFINITY;
          for (const position of open) expect(floor).toBeLessThanOrEqual(position);
        }
      }),
    );
  });
});
