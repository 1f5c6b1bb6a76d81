/** Rounds of a measurement; the median is reported, so that a busy machine disturbs little. */
const ROUNDS = 15;
/** Shortest time of one round in milliseconds. */
const ROUND_MS = 40;

/** Median time of one call in microseconds, after warming up. */
export function microsecondsPerCall(run: () => unknown): number {
  let calls = 1;
  for (;;) {
    const took = timeOf(run, calls);
    if (took >= ROUND_MS) break;
    calls = Math.max(calls + 1, Math.ceil(calls * Math.min(10, (1.2 * ROUND_MS) / Math.max(took, 0.01))));
  }
  const rounds = Array.from({ length: ROUNDS }, () => timeOf(run, calls) / calls);
  return median(rounds) * 1000;
}

/** Median time of an asynchronous call in microseconds. */
export async function microsecondsPerAsyncCall(run: () => Promise<unknown>, calls: number): Promise<number> {
  for (let index = 0; index < calls; index++) await run();
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    for (let index = 0; index < calls; index++) await run();
    rounds.push((performance.now() - start) / calls);
  }
  return median(rounds) * 1000;
}

/**
 * Median of the quotient of two measurements taken turn by turn, so that what slows one slows the other.
 * Each function returns the time of one turn, in any unit.
 */
export async function pairedRatio(
  numerator: () => number | Promise<number>,
  denominator: () => number | Promise<number>,
  turns: number,
): Promise<number> {
  for (let turn = 0; turn < 3; turn++) {
    await numerator();
    await denominator();
  }
  const ratios: number[] = [];
  for (let turn = 0; turn < turns; turn++) ratios.push((await numerator()) / (await denominator()));
  return median(ratios);
}

/** Milliseconds that `calls` calls take. */
export function timeOf(run: () => unknown, calls: number): number {
  const start = performance.now();
  for (let index = 0; index < calls; index++) run();
  return performance.now() - start;
}

/** The middle value. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[sorted.length >> 1] ?? NaN;
}
