import { mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { ensureWebClient } from './web-client.ts';

vi.setConfig({ testTimeout: 120_000 });

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'nyx-client-'));
  await mkdir(join(root, 'client/src'), { recursive: true });
  await writeFile(join(root, 'package.json'), '{"type":"module"}');
  await writeFile(join(root, 'client/index.html'), '<script type="module" src="/src/main.js"></script>');
  await writeFile(join(root, 'client/src/main.js'), 'document.title = "one";');
});
afterEach(() => rm(root, { recursive: true, force: true }));

const ensure = async (): Promise<string[]> => {
  const reports: string[] = [];
  await ensureWebClient({ root, env: process.env, report: (line) => reports.push(line) });
  return reports;
};
const installVite = () =>
  symlink(join(import.meta.dirname, '../../../node_modules'), join(root, 'node_modules'));
const page = () => readFile(join(root, 'client/dist/index.html'), 'utf8');

it('builds the client once, and again when its sources have changed', async () => {
  await installVite();
  await mkdir(join(root, 'client/dist-of-a-killed-build'));
  const both = await Promise.all([ensure(), ensure()]);
  expect(both.flat()).toEqual(['building the web client']);
  expect((await readdir(join(root, 'client'))).sort()).toEqual(['dist', 'index.html', 'src']);
  const first = await page();
  expect(await ensure()).toEqual([]);
  await writeFile(join(root, 'client/src/main.js'), 'document.title = "two";');
  expect(await ensure()).toEqual(['building the web client again: its sources have changed']);
  expect(await page()).not.toBe(first);
});

it('keeps the last build when a new one fails', async () => {
  await installVite();
  await ensure();
  const first = await page();
  await writeFile(join(root, 'client/src/main.js'), 'import "./nowhere.js";');
  expect((await ensure())[1]).toMatch(/could not be built: .+/);
  expect(await page()).toBe(first);
});

it('leaves nothing behind when its build, or the wait for another, is ended', async () => {
  await installVite();
  const ended = new AbortController();
  const attempts: Promise<unknown>[] = [];
  const building = new Promise<void>((resolve) => {
    const report = (): void => {
      resolve();
      queueMicrotask(() => ended.abort(new Error('stopping')));
    };
    for (let count = 0; count < 2; count += 1)
      attempts.push(ensureWebClient({ root, env: process.env, report, signal: ended.signal }));
  });
  await building;
  for (const result of await Promise.allSettled(attempts)) expect(result.status).toBe('rejected');
  expect(await readdir(join(root, 'client'))).toEqual(['index.html', 'src']);
  expect(await ensure()).toEqual(['building the web client']);
});

it('says what is missing where nothing can be built, and nothing where there is no client', async () => {
  expect(await ensure()).toEqual([expect.stringContaining('vite is not installed')]);
  await rm(join(root, 'client/index.html'));
  expect(await ensure()).toEqual([]);
});
