import type { ClaimMeter } from '../domain/e2ee/claim-keys.ts';
import { LOW_STOCK } from '../domain/e2ee/limits.ts';
import type { KeyStocks } from '../ports/key-stocks.ts';
import type { Foundation } from './foundation.ts';

/** Most devices whose stock the metrics count. */
const MAX_COUNTED_DEVICES = 100_000;
/** How long a count serves the collector, in ms: it looks through the whole index. */
const COUNT_FOR_MS = 30_000;
const STOCK_BUCKETS = [0, 5, 10, 20, 30, 40, 50, 60, 80, 100, 200, 500] as const;

/** Algorithms that metrics name; clients may invent others, and a label must not grow with what they invent. */
const NAMED: ReadonlySet<string> = new Set([
  'signed_curve25519',
  'curve25519',
  'chat.nyx.otk.v1',
  'chat.nyx.spk.v1',
]);

const labelOf = (algorithm: string): string => (NAMED.has(algorithm) ? algorithm : 'other');

const byLabel = (stocks: ReadonlyMap<string, readonly number[]>): ReadonlyMap<string, readonly number[]> => {
  const labelled = new Map<string, number[]>();
  for (const [algorithm, counts] of stocks) {
    const label = labelOf(algorithm);
    const before = labelled.get(label) ?? [];
    labelled.set(label, before);
    for (const count of counts) before.push(count);
  }
  return labelled;
};

/** Registers what is told of stocks; answers what counts claims. */
export const keyMetrics = (
  { metrics, platform: { clock } }: Foundation,
  stocks: Pick<KeyStocks, 'histogram' | 'exhausted'>,
): ClaimMeter => {
  let counted: { readonly at: number; readonly stocks: ReturnType<typeof read> } | undefined;
  const read = async () => byLabel(await stocks.histogram(MAX_COUNTED_DEVICES));
  const histogram = (): ReturnType<typeof read> => {
    const now = clock.now();
    if (counted === undefined || now - counted.at >= COUNT_FOR_MS) counted = { at: now, stocks: read() };
    counted.stocks.catch(() => (counted = undefined));
    return counted.stocks;
  };
  const gauge = (name: string, help: string, measure: (counts: readonly number[]) => number): void => {
    metrics.gaugeByLabel(name, help, 'algorithm', async () =>
      Object.fromEntries([...(await histogram())].map(([label, counts]) => [label, measure(counts)])),
    );
  };
  gauge('nyx_one_time_keys', 'One-time keys in stock, by algorithm', (counts) =>
    counts.reduce((sum, count) => sum + count, 0),
  );
  gauge(
    'nyx_devices_low_on_keys',
    'Devices with fewer one-time keys than they should have, by algorithm',
    (counts) => counts.filter((count) => count < LOW_STOCK).length,
  );
  metrics.snapshot({
    name: 'nyx_one_time_key_stock',
    help: 'Devices by how many one-time keys they have in stock, by algorithm',
    label: 'algorithm',
    buckets: STOCK_BUCKETS,
    read: histogram,
  });
  metrics.gauge(
    'nyx_devices_without_one_time_keys',
    'Devices that have used up all their one-time keys',
    () => stocks.exhausted(MAX_COUNTED_DEVICES),
  );
  const count = metrics.counterBy(
    'nyx_key_claims_total',
    'Claims of keys, by algorithm and by what was given: a one-time key, the fallback key because the stock was empty (fallback) or the claimer over its limit (refused), or nothing',
    ['algorithm', 'given'],
  );
  return { claimed: (algorithm, given) => count({ algorithm: labelOf(algorithm), given }) };
};
