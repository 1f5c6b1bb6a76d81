/** Rounds of a measurement; the median is reported, so that a busy machine disturbs little. */
const ROUNDS = 15;
/** The share of turns that were quicker than what is reported of paired measurements. */
const QUICK = 0.05;
/** Turns that are not counted, for the compiler to settle. */
const WARM_UP = 10;
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
  return quantile(rounds, 0.5) * 1000;
}

/**
 * Quotient of two measurements taken turn by turn, each at its fifth percentile: what the two take when nothing else
 * runs. On a shared machine the medians of two equal measurements differ by a tenth, their quick turns do not.
 * Each function returns the time of one turn, in any unit.
 */
export async function pairedRatio(
  numerator: () => number | Promise<number>,
  denominator: () => number | Promise<number>,
  turns: number,
): Promise<number> {
  const above: number[] = [];
  const below: number[] = [];
  for (let turn = -WARM_UP; turn < turns; turn++) {
    const [one, other] = [await numerator(), await denominator()];
    if (turn < 0) continue;
    above.push(one);
    below.push(other);
  }
  return quantile(above, QUICK) / quantile(below, QUICK);
}

/** Milliseconds that `calls` calls take. */
export function timeOf(run: () => unknown, calls: number): number {
  const start = performance.now();
  for (let index = 0; index < calls; index++) run();
  return performance.now() - start;
}

/** The value below which a share of the values lies. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.floor(share * (sorted.length - 1))] ?? NaN;
}
