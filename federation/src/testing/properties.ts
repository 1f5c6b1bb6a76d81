/** Whether the long counts were asked for (`npm run test:long`). */
export const LONG_TESTS = Boolean(process.env.NYX_TEST_LONG);

/** Fixed for everyday runs, so that they never waver; fresh in long runs, or given to repeat one. */
export const TEST_SEED = Number(
  process.env.NYX_TEST_SEED ?? (LONG_TESTS ? Date.now() % 2 ** 31 : 20_261_122),
);

console.info(`random tests with seed ${TEST_SEED}; repeat with NYX_TEST_SEED=${TEST_SEED}`);

/** Settings of a fast-check property: ten times the runs in long tests, and the seed, printed above. */
export function runs(usual: number): { numRuns: number; seed: number } {
  return { numRuns: LONG_TESTS ? usual * 10 : usual, seed: TEST_SEED };
}
