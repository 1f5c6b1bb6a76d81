import { expect, it } from 'vitest';
import { OwnRanges } from './own-ranges.ts';

it('knows what nobody else can have written', () => {
  const own = new OwnRanges();
  own.add(1, 512);
  own.add(513, 1_024);
  own.add(1_041, 1_056);
  expect(own.cover(0, 1_024)).toBe(true);
  expect(own.cover(500, 600)).toBe(true);
  expect(own.cover(7, 7)).toBe(true);
  // Between the leases somebody else had some.
  expect(own.cover(1_000, 1_030)).toBe(false);
  expect(own.cover(1_000, 1_050)).toBe(false);
  expect(own.cover(1_040, 1_056)).toBe(true);
  expect(own.cover(1_040, 1_057)).toBe(false);
});

it('takes what it has forgotten for foreign', () => {
  const own = new OwnRanges();
  for (let n = 0; n < 2_000; n++) own.add(n * 10, n * 10 + 4);
  expect(own.cover(10, 14)).toBe(false);
  expect(own.cover(19_990, 19_994)).toBe(true);
});
