import { loadSodium } from '../src/crypto/primitives/sodium.ts';
import { pairwiseArea } from './areas/pairwise.ts';
import { type BenchArea, type BenchRow, renderJson, renderTable } from './harness.ts';

/**
 * `npm run bench:crypto -w client`: a table, then one line of JSON. Each area of the engine contributes a module with
 * its rows. `--quick` runs everything once, to see that it runs.
 */
const AREAS: readonly BenchArea[] = [pairwiseArea];

await loadSodium();
const quick = process.argv.includes('--quick');
const rows: BenchRow[] = [];
for (const area of AREAS) rows.push(...(await area({ quick })));
console.log(renderTable(rows));
console.log(renderJson(rows));
