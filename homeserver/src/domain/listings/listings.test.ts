import { expect, it } from 'vitest';
import { digitsFor } from './listings.ts';

it('asks for so few digits of a name that the server cannot tell who is meant', () => {
  expect([0, 1, 127, 128, 2_047, 2_048, 10 ** 12].map(digitsFor)).toEqual([0, 0, 0, 1, 1, 2, 8]);
});
