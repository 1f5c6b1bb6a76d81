import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { LONG_TESTS } from '../src/testing/properties.ts';

const figures = z.strictObject({
  canonical_us: z.number(),
  sign_hash_us: z.number(),
  verify_ratio: z.number(),
  auth_us: z.number(),
  resolve_ms: z.number(),
  transaction_ratio: z.number(),
});

/** Twice the time that the figures allow: a busy machine is no defect, and ratios are measured side by side. */
const SLACK = 2;

test.skipIf(!LONG_TESTS)(
  'the benchmark ends with one line of figures, and they are met',
  { timeout: 300_000 },
  () => {
    const bench = join(import.meta.dirname, '../bench/bench.ts');
    const { stdout, stderr } = spawnSync(process.execPath, [bench], { encoding: 'utf8' });
    expect(stderr).toBe('');
    const found = figures.parse(JSON.parse(stdout.trim().split('\n').at(-1) ?? ''));
    console.info(found);
    expect(found.canonical_us).toBeLessThanOrEqual(15 * SLACK);
    expect(found.sign_hash_us).toBeLessThanOrEqual(120 * SLACK);
    expect(found.auth_us).toBeLessThanOrEqual(20 * SLACK);
    expect(found.resolve_ms).toBeLessThanOrEqual(50 * SLACK);
    expect(found.verify_ratio).toBeGreaterThanOrEqual(0.9);
    expect(found.transaction_ratio).toBeLessThanOrEqual(1.75);
  },
);
