import { shake256 } from '@noble/hashes/sha3.js';

import type { Random } from '../../primitives/random.ts';

/** A reproducible source for tests: the SHAKE256 stream of a seed. */
export const seededRandom = (seed: string): Random => {
  const stream = shake256.create({}).update(new TextEncoder().encode(seed));
  return (length) => stream.xof(length);
};

/** A reproducible integer in [0, bound), for choosing what a test does next. */
export const seededPick = (seed: string): ((bound: number) => number) => {
  const random = seededRandom(seed);
  return (bound) => {
    const bytes = random(6);
    return bytes.reduce((value, byte) => value * 256 + byte, 0) % bound;
  };
};
