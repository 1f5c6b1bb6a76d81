/** In the end every message that a member was entitled to is read, and none that it was not. */
import { beforeAll, describe, expect, it } from 'vitest';
import { loadSodium } from '../primitives/sodium.ts';
import { simulate } from '../testing/simulation.ts';

beforeAll(loadSodium);

const isLong = (process.env.NYX_TEST_LONG ?? '') !== '';
const SEED = Number(process.env.NYX_TEST_SEED ?? 20_260_601);
const MESSAGES = isLong ? 100_000 : 2_000;

describe('twenty members over a server that drops, repeats and shuffles, with joins and leaves', () => {
  it(
    `read all ${MESSAGES} messages that they may, and nothing else (seed ${SEED})`,
    async () => {
      const { wrong, read } = await simulate(SEED, MESSAGES);
      expect(wrong.slice(0, 10)).toEqual([]);
      expect(read).toBeGreaterThan(MESSAGES * 5);
    },
    isLong ? 6 * 60 * 60_000 : 900_000,
  );
});
