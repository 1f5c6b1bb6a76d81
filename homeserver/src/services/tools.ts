import { createHash } from 'node:crypto';
import { access, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Attempt, BinarySource } from './find-binary.ts';
import { fromApt, fromPath, NotHereError, ServiceNotFoundError } from './find-binary.ts';
import type { Machine } from './machine.ts';
import { cacheFolder } from './machine.ts';
import { writePrivateFile } from './private-folder.ts';
import { findOnPath, lastLine, run } from './run.ts';
import { takeTurn } from './turn.ts';

/** A program that tests (or calls) need besides npm's packages. */
export type Tool = { readonly path: string; readonly source: string };

export const CHROMIUM_NAMES = [
  'chromium',
  'chromium-browser',
  'google-chrome',
  'google-chrome-stable',
  'chrome',
];
const MAC_CHROME = '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome';

const firstThatWorks = async (what: string, sources: readonly BinarySource[], fix: string): Promise<Tool> => {
  const attempts: Attempt[] = [];
  for (const { name, local, fetch } of sources) {
    try {
      const path = (await local()) ?? (await fetch?.());
      if (path !== undefined) return { path, source: name };
    } catch (error) {
      attempts.push({
        source: name,
        ok: false,
        detail: error instanceof Error ? error.message : String(error),
      });
    }
  }
  throw new ServiceNotFoundError(what, attempts, fix);
};

const fromFile = (path: string): BinarySource => ({
  name: path,
  local: () =>
    access(path).then(
      () => path,
      () => {
        throw new NotHereError('not there');
      },
    ),
});

/** A Chromium for the browser tests. @throws ServiceNotFoundError */
export const findChromium = (machine: Machine): Promise<Tool> =>
  firstThatWorks(
    'Chromium',
    [
      ...(machine.env.NYX_TEST_CHROMIUM ? [fromFile(machine.env.NYX_TEST_CHROMIUM)] : []),
      fromPath(CHROMIUM_NAMES, machine),
      ...(machine.platform === 'darwin' ? [fromFile(MAC_CHROME)] : []),
      fromApt('chromium', 'chromium', machine),
    ],
    'install Chromium or Chrome, or set NYX_TEST_CHROMIUM to its path.',
  );

/** coturn, for the tests of calls. @throws ServiceNotFoundError */
export const findTurnServer = (machine: Machine): Promise<Tool> =>
  firstThatWorks(
    'coturn',
    [
      ...(machine.env.NYX_TEST_TURNSERVER ? [fromFile(machine.env.NYX_TEST_TURNSERVER)] : []),
      fromPath(['turnserver'], machine),
      fromApt('coturn', 'turnserver', machine),
    ],
    'install coturn, or set NYX_TEST_TURNSERVER to the path of turnserver.',
  );

/** A Python environment could not be made. */
export class PythonEnvironmentError extends Error {
  readonly code = 'PYTHON_ENVIRONMENT';
}

const INSTALL_LIMIT_MS = 600_000;

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/**
 * A virtual environment with exactly `requirements` (`name==version`), made once and kept in the shared cache. Several
 * processes may ask at once.
 * @returns the path of its Python
 * @throws PythonEnvironmentError when Python or the package index is missing
 */
export const pythonEnvironment = async (
  requirements: readonly string[],
  machine: Machine,
): Promise<string> => {
  const key = createHash('sha256').update(requirements.toSorted().join('\n')).digest('hex').slice(0, 16);
  const home = join(cacheFolder(machine), 'python');
  const target = join(home, key);
  const python = join(target, 'bin', 'python');
  const ready = join(target, 'ready');
  if (await isThere(ready)) return python;
  const base = await findOnPath(['python3'], machine.env);
  if (base === undefined) throw new PythonEnvironmentError('no python3 on PATH');
  await mkdir(home, { recursive: true, mode: 0o700 });
  await using _turn = await takeTurn(`${target}.turn`);
  if (await isThere(ready)) return python;
  const step = async (command: string, args: readonly string[], what: string): Promise<void> => {
    machine.report(what);
    const result = await run(command, args, { timeout: INSTALL_LIMIT_MS, env: machine.env });
    if (result.code !== 0) throw new PythonEnvironmentError(`${what} failed: ${lastLine(result.stderr)}`);
  };
  // Scripts in a virtual environment name its path, so it is made where it stays; a marker says that it is whole.
  await rm(target, { recursive: true, force: true });
  await step(base, ['-m', 'venv', target], 'python3 -m venv');
  const seconds = String(Math.max(1, Math.ceil(machine.siteTimeout / 1_000)));
  const pip = ['-m', 'pip', 'install', '--disable-pip-version-check', '--retries', '1', '--timeout', seconds];
  await step(
    python,
    [...pip, '--only-binary', ':all:', ...requirements],
    `pip install ${requirements.join(' ')}`,
  );
  await writePrivateFile(ready, '');
  return python;
};
