import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { checkFolder } from './plugins/check-folder.ts';
import { serverTemplate } from './plugins/template.ts';

const ROOT = join(import.meta.dirname, '..');
const made: string[] = [];

afterEach(() => {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true });
});

const written = (changes: Readonly<Record<string, string>> = {}): string => {
  const folder = mkdtempSync(join(tmpdir(), 'nyx-plugin-'));
  made.push(folder);
  for (const [path, text] of Object.entries({ ...serverTemplate('knock'), ...changes })) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
};

const manifestWith = (change: object): Readonly<Record<string, string>> => ({
  'plugin.json': JSON.stringify({ ...JSON.parse(serverTemplate('knock')['plugin.json'] ?? ''), ...change }),
});

test('finds nothing wrong with what the generator makes', () => {
  expect(checkFolder(written())).toEqual([]);
});

test.each([
  ['a missing permission', manifestWith({ permissions: [] }), 'the permission server:events is missing'],
  [
    'a permission too many',
    manifestWith({ permissions: ['server:events', 'server:media'] }),
    'the permission server:media is not needed',
  ],
  ['a missing entry', manifestWith({ entry: { server: 'dist/server.js' } }), 'dist/server.js is missing'],
  ['another SDK', manifestWith({ sdk: '^9.0.0' }), 'it wants SDK ^9.0.0'],
  ['an unknown key', manifestWith({ permisions: [] }), 'plugin.json: : Unrecognized key'],
  ['no JSON', { 'plugin.json': '{' }, 'plugin.json is no JSON'],
  ['too many bytes', { 'big.bin': 'x'.repeat(5_300_000) }, 'at most 5242880 are allowed'],
])('tells %s', (_what, changes, complaint) => {
  expect(checkFolder(written(changes)).join('\n')).toContain(complaint);
});

test('holds files against their hashes', () => {
  const server = serverTemplate('knock')['src/server.ts'] ?? '';
  const integrity = { 'src/server.ts': `sha256-${createHash('sha256').update(server).digest('base64')}` };
  expect(checkFolder(written(manifestWith({ integrity })))).not.toContain(
    'src/server.ts differs from its hash',
  );
  const changed = written({ ...manifestWith({ integrity }), 'src/server.ts': `${server}\n` });
  expect(checkFolder(changed)).toContain('src/server.ts differs from its hash');
  expect(checkFolder(changed)).toContain('package.json has no hash');
});

test('the five minutes of docs/plugins.md: every command works, and the plugin passes its test', () => {
  const guide = readFileSync(join(ROOT, 'docs/plugins.md'), 'utf8');
  const [, block = ''] = /```sh five-minutes\n([^`]*)```/.exec(guide) ?? [];
  const name = `try-${process.pid}`;
  made.push(join(ROOT, 'plugins', name));
  const commands = block
    .trim()
    .split('\n')
    .filter((line) => line !== '');
  expect(commands).toHaveLength(3);
  const start = performance.now();
  for (const command of commands)
    execFileSync('/bin/sh', ['-c', command.replaceAll('knock', name)], {
      cwd: ROOT,
      stdio: 'pipe',
      env: { ...process.env, VITEST: '' },
    });
  expect(performance.now() - start).toBeLessThan(300_000);
}, 300_000);
