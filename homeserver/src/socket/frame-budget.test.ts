import { expect, it } from 'vitest';
import { FrameBudget } from './frame-budget.ts';
import { FRAME_BURST, FRAME_PATIENCE, FRAMES_PER_SECOND } from './limits.ts';

const setUp = () => {
  const time = { now: 0 };
  return { time, budget: new FrameBudget(() => time.now) };
};

it('takes a burst, refuses what is beyond it, and closes when that does not help', () => {
  const { budget } = setUp();
  const kinds = Array.from({ length: FRAME_BURST + FRAME_PATIENCE + 1 }, () => budget.take().kind);
  expect(kinds.slice(0, FRAME_BURST).every((kind) => kind === 'ok')).toBe(true);
  expect(kinds.slice(FRAME_BURST, -1).every((kind) => kind === 'refuse')).toBe(true);
  expect(kinds.at(-1)).toBe('close');
});

it('says when the next frame will be taken', () => {
  const { time, budget } = setUp();
  for (let n = 0; n < FRAME_BURST; n++) budget.take();
  const refused = budget.take();
  if (refused.kind !== 'refuse') throw new Error('it was not refused');
  // The refused frame counts: one is paid for, and the next is free to come.
  time.now += refused.retryAfterMs + 1_000 / FRAMES_PER_SECOND;
  expect(budget.take().kind).toBe('ok');
});

it('is never fuller than its burst', () => {
  const { time, budget } = setUp();
  time.now = 3_600_000;
  const kinds = Array.from({ length: FRAME_BURST + 1 }, () => budget.take().kind);
  expect(kinds.at(-1)).toBe('refuse');
});
