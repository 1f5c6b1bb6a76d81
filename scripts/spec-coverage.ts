import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ENDPOINTS } from '@nyx/federation/spec/endpoints/all.ts';
import { judge, readRecords, renderCoverage } from '@nyx/federation/testing/coverage.ts';

/** Writes docs/spec-coverage.md: `npm run spec-coverage` after a test run. */
const root = join(import.meta.dirname, '..');
const records = readRecords(root);
const rows = ENDPOINTS.map((endpoint) => judge(endpoint, records, new Set()));
mkdirSync(join(root, 'docs'), { recursive: true });
writeFileSync(join(root, 'docs/spec-coverage.md'), renderCoverage(rows));
for (const row of rows)
  for (const problem of row.problems)
    console.error(`${row.endpoint.id} answered outside the spec: ${problem}`);
const count = (status: string) => rows.filter((row) => row.status === status).length;
console.log(JSON.stringify({ served: count('served'), partly: count('partly'), not_yet: count('not yet') }));
