import { spawn } from 'node:child_process';
import { constants as fileModes } from 'node:fs';
import { access } from 'node:fs/promises';
import { constants, setPriority } from 'node:os';
import { delimiter, join } from 'node:path';

export type RunResult = {
  /** Exit code; null when a signal or the time limit ended it; -1 when it could not be started. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
};

const MOST_OUTPUT = 64 * 1_024;

export type RunOptions = {
  readonly timeout: number;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Stops the program when it aborts. */
  readonly signal?: AbortSignal | undefined;
  /** Leaves the processor to what has more of a hurry. */
  readonly behindOthers?: boolean;
};

const yieldToOthers = (pid: number | undefined): void => {
  try {
    if (pid !== undefined) setPriority(pid, constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // Ended already, or not allowed here: it runs like any other.
  }
};

/** Runs a program to its end and collects the start of its output. Never throws; stops it after `timeout` ms. */
export const run = (command: string, args: readonly string[], options: RunOptions): Promise<RunResult> =>
  new Promise((resolve) => {
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(options.env === undefined ? {} : { env: options.env }),
    });
    if (options.behindOthers === true) yieldToOthers(child.pid);
    const stop = (): void => void child.kill('SIGKILL');
    options.signal?.addEventListener('abort', stop);
    if (options.signal?.aborted === true) stop();
    let stdout = '';
    let stderr = '';
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      stop();
    }, options.timeout);
    child.stdout.on('data', (chunk: Buffer) => {
      if (stdout.length < MOST_OUTPUT) stdout += chunk.toString('utf8');
    });
    child.stderr.on('data', (chunk: Buffer) => {
      if (stderr.length < MOST_OUTPUT) stderr += chunk.toString('utf8');
    });
    child.on('error', (error) => {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', stop);
      resolve({ code: -1, stdout, stderr: error.message, timedOut });
    });
    child.on('close', (code) => {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', stop);
      resolve({ code, stdout, stderr, timedOut });
    });
  });

/** The first of `names` that is an executable file in a folder of PATH, by its full path. */
export const findOnPath = async (
  names: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<string | undefined> => {
  const folders = (env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  for (const name of names) {
    for (const folder of folders) {
      const candidate = join(folder, name);
      try {
        await access(candidate, fileModes.X_OK);
        return candidate;
      } catch {
        // Not here; look further.
      }
    }
  }
  return undefined;
};

/** The last line of a program's complaint, shortened: enough for a table. */
export const lastLine = (text: string): string => {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  return (lines.at(-1) ?? 'no message').slice(0, 300);
};
