import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import type { Reporter, TestCase, TestModule, Vitest } from 'vitest/node';

/** A test that may be skipped in CI. `test` is `file > suite > name`; a `*` stands for any text. */
export type AllowedSkip = { readonly test: string; readonly reason: string };

const toPattern = (text: string): RegExp =>
  new RegExp(
    `^${text
      .split('*')
      .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
      .join('.*')}$`,
    's',
  );

/** The skipped tests that no entry allows, and the entries that say why the others were. */
export const judgeSkips = (
  skipped: readonly string[],
  allowed: readonly AllowedSkip[],
): { readonly refused: readonly string[]; readonly used: readonly AllowedSkip[] } => {
  const patterns = allowed.map((entry) => ({ entry, pattern: toPattern(entry.test) }));
  const used = patterns.filter(({ pattern }) => skipped.some((name) => pattern.test(name)));
  const refused = skipped.filter((name) => !patterns.some(({ pattern }) => pattern.test(name)));
  return { refused, used: used.map(({ entry }) => entry) };
};

/** The list of the repository. Every entry has a reason. */
export const readAllowedSkips = (): readonly AllowedSkip[] => {
  const text = readFileSync(new URL('../.ci/allowed-skips.json', import.meta.url), 'utf8');
  const entries = JSON.parse(text) as readonly Partial<AllowedSkip>[];
  return entries.map(({ test, reason }) => {
    if (typeof test !== 'string' || typeof reason !== 'string' || reason.length < 10) {
      throw new Error(
        `.ci/allowed-skips.json: every entry needs a test and a reason: ${JSON.stringify({ test, reason })}`,
      );
    }
    return { test, reason };
  });
};

const nameOf = (test: TestCase): string =>
  `${relative(process.cwd(), test.module.moduleId)} > ${test.fullName}`;

/** Under CI a skipped test is a failure, unless .ci/allowed-skips.json names it: a test nobody runs proves nothing. */
export class SkipReporter implements Reporter {
  #isFiltered = false;

  /** A run of some tests by name (`-t`) leaves out the others on purpose. */
  onInit(vitest: Vitest): void {
    this.#isFiltered = vitest.config.testNamePattern !== undefined;
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    const skipped = modules.flatMap((module) => [...module.children.allTests('skipped')]).map(nameOf);
    if (skipped.length === 0 || this.#isFiltered) return;
    const { refused, used } = judgeSkips(skipped, readAllowedSkips());
    for (const { test, reason } of used)
      console.log(`skipped, as .ci/allowed-skips.json allows: ${test}: ${reason}`);
    if (refused.length === 0) return;
    console.error(`\n${refused.length} skipped tests that .ci/allowed-skips.json does not name:`);
    for (const name of refused) console.error(`  ${name}`);
    process.exitCode = 1;
  }
}
