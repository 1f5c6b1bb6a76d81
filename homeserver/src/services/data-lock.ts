import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { readIfThere, writePrivateFile } from './private-folder.ts';
import { run } from './run.ts';

const LOCK_FILE = 'nyx.lock';

/** Another living process uses the data folder. */
export class DataFolderInUseError extends Error {
  readonly code = 'DATA_FOLDER_IN_USE';

  constructor(folder: string, pid: number) {
    super(
      `The data folder ${folder} is used by process ${pid}. Stop that one, or give this one a folder of its own (server.dataDir or NYX_DATA_DIR).`,
    );
    this.name = 'DataFolderInUseError';
  }
}

/** When a process was started, in the system's own words; undefined when there is no such process. */
const startOf = async (pid: number): Promise<string | undefined> => {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // Field 22, counted after the command's name, which may hold spaces and brackets.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    const result = await run('ps', ['-o', 'lstart=', '-p', String(pid)], { timeout: 5_000 });
    const text = result.stdout.trim();
    return result.code === 0 && text !== '' ? text : undefined;
  }
};

/** What identifies a process over all time: its number and when it was started. */
export const identityOf = async (pid: number): Promise<string> => `${pid}\n${(await startOf(pid)) ?? ''}\n`;

/** The process that `file` names, if it still lives. */
export const livingProcess = async (file: string): Promise<number | undefined> => {
  const [pidText = '', start = ''] = ((await readIfThere(file)) ?? '').trim().split('\n');
  const pid = Number(pidText);
  const isOne = Number.isSafeInteger(pid) && pid > 0;
  return isOne && (await startOf(pid)) === start ? pid : undefined;
};

/** The living process other than this one that has `folder`; undefined when nobody has. */
export const lockHolder = async (folder: string): Promise<number | undefined> => {
  const pid = await livingProcess(join(folder, LOCK_FILE));
  return pid === process.pid ? undefined : pid;
};

const LEAVING_LIMIT_MS = 20_000;
const POLL_MS = 50;

/**
 * Waits until the service that `file` names has ended. The service of a killed server is on its way out: its guard
 * noticed. One that does not go is killed.
 */
export const awaitPrevious = async (file: string): Promise<void> => {
  const end = performance.now() + LEAVING_LIMIT_MS;
  for (;;) {
    const pid = await livingProcess(file);
    if (pid === undefined) return;
    if (performance.now() > end) process.kill(-pid, 'SIGKILL');
    await delay(POLL_MS);
  }
};

/** Notes in `file` which process a service is. Without the note the next start only fails instead of waiting. */
export const recordProcess = (file: string, pid: number): void => {
  identityOf(pid)
    .then((identity) => writePrivateFile(file, identity))
    .catch(() => undefined);
};

/**
 * Takes `folder` for this process. A lock left by a process that is gone (or whose number another one now has) is
 * taken over.
 * @throws DataFolderInUseError
 */
export const lockDataFolder = async (folder: string): Promise<AsyncDisposable> => {
  const holder = await lockHolder(folder);
  if (holder !== undefined) throw new DataFolderInUseError(folder, holder);
  const path = join(folder, LOCK_FILE);
  const mine = await identityOf(process.pid);
  await writePrivateFile(path, mine);
  return {
    [Symbol.asyncDispose]: async () => {
      if ((await readIfThere(path)) === mine) await rm(path, { force: true });
    },
  };
};
