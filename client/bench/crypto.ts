import sodium from 'libsodium-wrappers-sumo';

import { loadSodium } from '../src/crypto/primitives/sodium.ts';
import { groupArea } from './areas/group.ts';
import { mutationArea } from './areas/mutation.ts';
import { pairwiseArea } from './areas/pairwise.ts';
import { rekeyArea } from './areas/rekey.ts';
import { vaultArea } from './areas/vault.ts';
import { workerSizeArea } from './areas/worker-size.ts';
import { type BenchArea, type BenchRow, renderJson, renderTable } from './harness.ts';

/**
 * `npm run bench:crypto -w client`: a table, then one line of JSON. Each area of the engine contributes a module with
 * its rows. `--quick` runs everything once, to see that it runs.
 */
const AREAS: readonly BenchArea[] = [
  ...[pairwiseArea, groupArea, mutationArea],
  ...[rekeyArea, vaultArea, workerSizeArea],
];

// The product uses libsodium's raw module; what it is measured against are the wrappers' calls.
await Promise.all([loadSodium(), sodium.ready]);
const quick = process.argv.includes('--quick');
const rows: BenchRow[] = [];
for (const area of AREAS) rows.push(...(await area({ quick })));
console.log(renderTable(rows));
console.log(renderJson(rows));
