/** Runs `work` `count` times on `lanes` lanes at once; answers how many per second. */
export async function rate(
  count: number,
  lanes: number,
  work: (index: number, lane: number) => Promise<unknown>,
): Promise<number> {
  const began = performance.now();
  const perLane = Math.ceil(count / lanes);
  await Promise.all(
    Array.from({ length: lanes }, async (_, lane) => {
      for (let n = 0; n < perLane; n++) await work(lane * perLane + n, lane);
    }),
  );
  return (perLane * lanes * 1_000) / (performance.now() - began);
}

/** Milliseconds of each of `count` runs, one after another. */
export async function times(count: number, work: (index: number) => Promise<unknown>): Promise<number[]> {
  const taken: number[] = [];
  for (let n = 0; n < count; n++) {
    const began = performance.now();
    await work(n);
    taken.push(performance.now() - began);
  }
  return taken;
}

/** The value below which a share of the values lies. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
