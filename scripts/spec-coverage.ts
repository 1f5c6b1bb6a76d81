import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ENDPOINTS } from '@nyx/federation/spec/endpoints/all.ts';
import { anonymous, judge, readRecords, renderCoverage } from '@nyx/federation/testing/coverage.ts';

/** Writes docs/spec-coverage.md: `npm run spec-coverage` after a test run. */
const root = join(import.meta.dirname, '..');
const records = readRecords(root);

/** The routes' sources of one API: a route names its operation as the specification does. */
const sourcesOf = (api: 'client' | 'federation'): string =>
  globSync('homeserver/src/http/**/*.ts', { cwd: root })
    .filter((file) => file.includes('/http/federation/') === (api === 'federation'))
    .map((file) => readFileSync(join(root, file), 'utf8'))
    .join('\n');
const sources = { client: sourcesOf('client'), federation: sourcesOf('federation') };

/** `METHOD /path` of the operations that a route is declared for. */
const mounted = new Set(
  ENDPOINTS.filter(({ id }) => {
    const [api = '', operation = ''] = id.split('/');
    const name = `'${operation}'`;
    // openid/userinfo and the well-known document are declared beside their client halves.
    return api === 'client'
      ? sources.client.includes(name)
      : sources.federation.includes(name) || (isElsewhere(operation) && sources.client.includes(name));
  }).map(({ method, path }) => `${method} ${anonymous(path)}`),
);

function isElsewhere(operation: string): boolean {
  return operation === 'exchangeOpenIdToken' || operation === 'getWellKnown';
}

const rows = ENDPOINTS.map((endpoint) => judge(endpoint, records, mounted));
mkdirSync(join(root, 'docs'), { recursive: true });
writeFileSync(join(root, 'docs/spec-coverage.md'), renderCoverage(rows));
for (const row of rows)
  for (const problem of row.problems)
    console.error(`${row.endpoint.id} answered outside the spec: ${problem}`);
const count = (status: string) => rows.filter((row) => row.status === status).length;
const [served, off, partly] = [count('served'), count('off'), count('partly')];
console.log(JSON.stringify({ served, off, partly, not_yet: count('not yet') }));
