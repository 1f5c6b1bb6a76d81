import { readFileSync } from 'node:fs';
import type { LoadedConfig } from '@nyx/config/load.ts';
import { readConfig } from '@nyx/config/load.ts';

export type ConfigOption = { readonly config?: string };

/** Reads the configuration for a command: `--config`, the environment, secret files. @throws ConfigError */
export const configurationFor = ({ config }: ConfigOption): LoadedConfig =>
  readConfig({
    argv: config === undefined ? [] : ['--config', config],
    env: process.env,
    readFile: (path) => readFileSync(path, 'utf8'),
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
