import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import type { FileKind } from '@nyx/config/files.ts';
import type { LoadedConfig } from '@nyx/config/load.ts';
import { readConfig } from '@nyx/config/load.ts';

export type ConfigOption = { readonly config?: string };

const mayRun = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

const kindOf = (path: string): FileKind | undefined => {
  try {
    const info = statSync(path);
    if (info.isDirectory()) return 'folder';
    if (!info.isFile()) return 'other';
    return mayRun(path) ? 'program' : 'file';
  } catch {
    // Not there, or in a folder that this user may not look into.
    return undefined;
  }
};

/** Reads the configuration for a command: `--config`, the environment, secret files. @throws ConfigError */
export const configurationFor = ({ config }: ConfigOption): LoadedConfig =>
  readConfig({
    argv: config === undefined ? [] : ['--config', config],
    env: process.env,
    readFile: (path) => readFileSync(path, 'utf8'),
    kindOf,
  });

/** A line for whoever started the command; standard output is for results. */
export const tell = (line: string): void => {
  process.stderr.write(`nyx: ${line}\n`);
};

/** Resolves with the next signal that asks the process to stop. */
export const nextSignal = (): Promise<NodeJS.Signals> =>
  new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, resolve);
  });
