import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { identityOf, livingProcess } from './data-lock.ts';
import { writePrivateFile } from './private-folder.ts';

const ABANDONED_AFTER_MS = 2_000;
const BUSY_POLL_MS = 200;

/** Makes the folder `path`, which only one process at a time has; waits for a living owner, until `signal` aborts. */
export const takeTurn = async (path: string, signal?: AbortSignal): Promise<AsyncDisposable> => {
  const owner = join(path, 'owner');
  for (;;) {
    try {
      await mkdir(path);
      await writePrivateFile(owner, await identityOf(process.pid));
      return { [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    }
    const age = await stat(path).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => 0,
    );
    // A folder without an owner is one that was just made, or whose maker died between two steps.
    const abandoned = (await livingProcess(owner)) === undefined && age > ABANDONED_AFTER_MS;
    if (abandoned) await rm(path, { recursive: true, force: true });
    await delay(BUSY_POLL_MS, undefined, { signal });
  }
};
