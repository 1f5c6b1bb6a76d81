import { fileURLToPath } from 'node:url';

import { chromiumPath, launch, serve } from '../../tests/browser.ts';
import type { BenchArea } from '../harness.ts';

const PAGE = fileURLToPath(new URL('../vault-page', import.meta.url));

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

/**
 * Opening a vault of 10,000 sessions in Chromium's IndexedDB, in a worker, the cheapest passphrase derivation in place
 * of a real one, and reading a session afterwards: records are opened when they are asked for.
 */
export const vaultArea: BenchArea = async ({ quick }) => {
  if (chromiumPath === undefined)
    throw new Error('this bench needs Chromium: set CHROMIUM_PATH or install it');
  const { url, server } = await serve(PAGE);
  const browser = await launch();
  try {
    const page = await browser.newPage();
    await page.goto(url);
    await page.waitForFunction(() => 'measureVault' in window);
    const { opened, decoded } = await page.evaluate(
      ([sessions, rounds]) => window.measureVault(sessions, rounds),
      quick ? ([100, 1] as const) : ([10_000, 5] as const),
    );
    return [
      { key: 'open_vault_ms', value: median(opened), unit: 'ms', target: { atMost: 300 } },
      { key: 'decode_10000_sessions_ms', value: median(decoded), unit: 'ms' },
    ];
  } finally {
    await browser.close();
    await server.close();
  }
};
