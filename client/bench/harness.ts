/** One line of the bench's table; `key` names it in the JSON line too. */
export type BenchRow = {
  readonly key: string;
  readonly value: number;
  readonly unit: string;
  /** What the figure must hold, as e2ee.md and the issue state it; undefined for figures shown for information. */
  readonly target?: { readonly atLeast: number } | { readonly atMost: number };
};

/** Part of the bench: measures its area and returns its rows. `quick` shortens the rounds, for a smoke test. */
export type BenchArea = (options: { readonly quick: boolean }) => Promise<readonly BenchRow[]>;

/** Rounds whose median is taken: the machine may be shared. */
const ROUNDS = 7;

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

/** CPU time of this process (ms): what else a shared machine does is not in it. */
const cpuMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

/**
 * Median CPU time (ms) of one call of each function. The functions take turns, so that what else the machine does hits
 * all of them alike and their ratios hold.
 */
export const timeTogether = (
  functions: readonly (() => void)[],
  { quick, roundMs = 150 }: { readonly quick: boolean; readonly roundMs?: number },
): number[] => {
  const length = quick ? 5 : roundMs;
  const rounds = functions.map((): number[] => []);
  for (let round = -1; round < (quick ? 1 : ROUNDS); round++) {
    for (const [i, run] of functions.entries()) {
      const end = performance.now() + length;
      const before = cpuMs();
      let calls = 0;
      do {
        run();
        calls++;
      } while (performance.now() < end || calls < 3);
      // The first round warms the compiler up.
      if (round >= 0) rounds[i]?.push((cpuMs() - before) / calls);
    }
  }
  return rounds.map(median);
};

/** Median CPU time (ms) of one call. */
export const time = (
  run: () => void,
  options: { readonly quick: boolean; readonly roundMs?: number },
): number => timeTogether([run], options)[0] ?? Number.NaN;

const verdict = ({ value, target }: BenchRow): string => {
  if (target === undefined) return '';
  const [ok, bound] =
    'atLeast' in target
      ? [value >= target.atLeast, `>= ${target.atLeast}`]
      : [value <= target.atMost, `<= ${target.atMost}`];
  return `${bound.padEnd(12)} ${ok ? 'holds' : 'MISSED'}`;
};

const figure = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value >= 1 ? value.toFixed(2) : value.toFixed(3);

/** The table for people. */
export const renderTable = (rows: readonly BenchRow[]): string =>
  rows
    .map((row) =>
      `${row.key.padEnd(24)} ${figure(row.value).padStart(12)} ${row.unit.padEnd(6)} ${verdict(row)}`.trimEnd(),
    )
    .join('\n');

/** The line for machines: one JSON object, figures rounded to four decimals. */
export const renderJson = (rows: readonly BenchRow[]): string =>
  JSON.stringify(Object.fromEntries(rows.map(({ key, value }) => [key, Math.round(value * 1e4) / 1e4])));
