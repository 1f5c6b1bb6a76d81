import { createHash, randomUUID } from 'node:crypto';
import { access, mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { cacheFolder } from './machine.ts';
import { lastLine, run } from './run.ts';
import { takeTurn } from './turn.ts';

/** The checkout that this file is part of. */
const REPOSITORY = join(import.meta.dirname, '../../..');
const STAMP = '.sources';
const BUILD_LIMIT_MS = 300_000;

/** What a build of the client is made from. */
const SOURCES = [
  'client/src',
  'client/public',
  'client/index.html',
  'client/vite.config.ts',
  'federation/src/spec',
  'plugins',
  'package-lock.json',
];

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

const filesBelow = async (root: string, path: string): Promise<string[]> => {
  try {
    const entries = await readdir(join(root, path), { recursive: true, withFileTypes: true });
    return entries
      .filter(
        (entry) => entry.isFile() && !/node_modules|\.test\.ts$/.test(join(entry.parentPath, entry.name)),
      )
      .map((entry) => join(entry.parentPath, entry.name));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOTDIR') return [join(root, path)];
    return [];
  }
};

/** A hash of everything that a build is made from. */
export const hashSources = async (root: string): Promise<string> => {
  const files = (await Promise.all(SOURCES.map((path) => filesBelow(root, path)))).flat().sort();
  const hash = createHash('sha256');
  for (const file of files)
    hash
      .update(file.slice(root.length))
      .update('\0')
      .update(await readFile(file))
      .update('\0');
  return hash.digest('hex');
};

export type WebClientDeps = {
  readonly root?: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly report: (line: string) => void;
  /** Leave the processor to others. */
  readonly behindOthers?: boolean;
  /** Ends a build that is under way, or the wait for another's. */
  readonly signal?: AbortSignal;
};

/** `fresh`: built from the sources that are there; `stale`: an older build; `missing`: none. */
export type WebClientState = 'fresh' | 'stale' | 'missing';

/**
 * Builds the web client of this checkout when there is no build or its sources have changed since. Outside a checkout
 * (a package has its client built in), or without vite, what is there stays. A failed build never stops a start.
 */
export const ensureWebClient = async ({
  root = REPOSITORY,
  env,
  report,
  behindOthers = false,
  signal,
}: WebClientDeps): Promise<WebClientState> => {
  signal?.throwIfAborted();
  const built = join(root, 'client/dist');
  const present = (await exists(join(built, 'index.html'))) ? 'stale' : 'missing';
  if (!(await exists(join(root, 'client/index.html')))) return present;
  const sources = await hashSources(root);
  const stamp = await readFile(join(built, STAMP), 'utf8').catch(() => '');
  if (stamp.trim() === sources) return 'fresh';
  // Several servers of one checkout may start at once: one builds, the others find the build.
  const turns = join(cacheFolder({ env, platform: process.platform }), 'turns');
  await mkdir(turns, { recursive: true, mode: 0o700 });
  await using _turn = await takeTurn(
    join(turns, createHash('sha256').update(built).digest('hex').slice(0, 16)),
    signal,
  );
  if ((await readFile(join(built, STAMP), 'utf8').catch(() => '')).trim() === sources) return 'fresh';
  let vite: string;
  try {
    vite = join(
      dirname(createRequire(join(root, 'package.json')).resolve('vite/package.json')),
      'bin/vite.js',
    );
  } catch {
    if (stamp === '')
      report('the web client is not built, and vite is not installed: run npm ci without --omit=dev');
    return present;
  }
  report(
    stamp === '' ? 'building the web client' : 'building the web client again: its sources have changed',
  );
  // What a killed build has left. One that goes on without its server fails for it.
  for (const name of await readdir(join(root, 'client'))) {
    if (name.startsWith('dist-')) await rm(join(root, 'client', name), { recursive: true, force: true });
  }
  const fresh = `${built}-${randomUUID()}`;
  try {
    const args = [vite, 'build', join(root, 'client'), '--outDir', fresh, '--logLevel', 'error'];
    const result = await run(process.execPath, args, {
      timeout: BUILD_LIMIT_MS,
      env: { ...env, NODE_ENV: 'production' },
      signal,
      behindOthers,
    });
    signal?.throwIfAborted();
    if (result.code !== 0) {
      report(`the web client could not be built: ${lastLine(result.stderr || result.stdout)}`);
      return present;
    }
    await writeFile(join(fresh, STAMP), `${sources}\n`);
    await rm(built, { recursive: true, force: true });
    await rename(fresh, built);
    return 'fresh';
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
};
