import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';

/** What the search for services may see of this machine; tests hand in another one. */
export type Machine = {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: string;
  readonly arch: string;
  /** Numeric user id; undefined where there is none (Windows). */
  readonly uid: number | undefined;
  /** Told about progress, one line at a time. */
  readonly report: (line: string) => void;
  /** Content of `/etc/os-release`, empty where there is none. */
  readonly osRelease: string;
  /** Base address of MongoDB's download site. */
  readonly mongodbSite: string;
  /** Longest wait for a site to say anything, in milliseconds. */
  readonly siteTimeout: number;
};

/**
 * Folder for what was downloaded, outside any checkout and shared by all of them: `NYX_CACHE_DIR`, else the
 * platform's cache folder of this user.
 */
export const cacheFolder = ({ env, platform }: Pick<Machine, 'env' | 'platform'>): string => {
  const named = env.NYX_CACHE_DIR;
  if (named !== undefined && named !== '') return named;
  const xdg = env.XDG_CACHE_HOME;
  if (xdg !== undefined && xdg !== '') return join(xdg, 'nyx');
  const home = env.HOME ?? homedir();
  if (home === '' || home === '/nonexistent') return join(tmpdir(), `nyx-cache-${process.getuid?.() ?? 0}`);
  return platform === 'darwin' ? join(home, 'Library', 'Caches', 'nyx') : join(home, '.cache', 'nyx');
};
