import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readIfThere, writePrivateFile } from './private-folder.ts';
import { run } from './run.ts';

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

/**
 * Takes `folder` for this process. A lock left by a process that is gone (or whose number another one now has) is
 * taken over.
 * @throws DataFolderInUseError
 */
export const lockDataFolder = async (folder: string): Promise<AsyncDisposable> => {
  const path = join(folder, 'nyx.lock');
  const [pidText = '', start = ''] = ((await readIfThere(path)) ?? '').trim().split('\n');
  const pid = Number(pidText);
  if (Number.isSafeInteger(pid) && pid > 0 && pid !== process.pid && (await startOf(pid)) === start) {
    throw new DataFolderInUseError(folder, pid);
  }
  const mine = `${process.pid}\n${(await startOf(process.pid)) ?? ''}\n`;
  await writePrivateFile(path, mine);
  return {
    [Symbol.asyncDispose]: async () => {
      if ((await readIfThere(path)) === mine) await rm(path, { force: true });
    },
  };
};
