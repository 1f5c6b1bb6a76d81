import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { judgeSkips, readAllowedSkips } from './skip-reporter.ts';

vi.setConfig({ testTimeout: 120_000 });

const root = join(import.meta.dirname, '..');

describe('skipped tests', () => {
  it('are refused unless an entry names them', () => {
    const allowed = [
      { test: 'a/b.test.ts > * (interop)', reason: 'needs a peer' },
      { test: 'c.test.ts > *', reason: 'unused' },
    ];
    expect(judgeSkips(['a/b.test.ts > x > y (interop)', 'a/b.test.ts > z', 'd'], allowed)).toEqual({
      refused: ['a/b.test.ts > z', 'd'],
      used: [allowed[0]],
    });
  });

  it('have a list that can be read, with a reason for each', () => {
    for (const { test, reason } of readAllowedSkips()) {
      expect(reason.length).toBeGreaterThanOrEqual(10);
      const [file = ''] = test.split(' > ');
      expect(existsSync(join(root, file)), `${file} is named in .ci/allowed-skips.json`).toBe(true);
    }
  });

  it.each([
    ["it.skip('left out', () => {});", [], 1],
    ["it('runs', () => {});", [], 0],
    ["it('not asked for', () => {});", ['-t', 'ok'], 0],
  ])('make a run under CI exit as they should: %s %j', (source, options, exitCode) => {
    const folder = mkdtempSync(join(root, 'scripts/.skip-'));
    try {
      writeFileSync(
        join(folder, 'made.test.ts'),
        `import { it } from 'vitest';\n${source}\nit('ok', () => {});\n`,
      );
      const file = relative(root, join(folder, 'made.test.ts'));
      const vitest = join(root, 'node_modules/vitest/vitest.mjs');
      const args = [vitest, 'run', '--root', root, '--project', 'tools', ...options, file];
      const run = spawnSync(process.execPath, args, {
        env: { ...process.env, CI: 'true' },
        encoding: 'utf8',
      });
      expect(run.stdout).toContain('Tests ');
      expect([run.status, run.stderr.includes('made.test.ts > left out')]).toEqual([
        exitCode,
        exitCode === 1,
      ]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
