import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const LAUNCHER = join(import.meta.dirname, '../../bin/nyx.js');

export type NyxOptions = {
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly input?: string;
  /** The Node.js that starts the launcher; this one when not given. */
  readonly node?: string;
};

/** The environment without what the run of the tests set for itself. */
const cleanEnvironment = (): Record<string, string | undefined> =>
  Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^(NYX_(?!CACHE_DIR)|MONGODB_URI|REDIS_URL|VITEST|NODE_OPTIONS)/.test(name),
    ),
  );

const launch = ({ args, env, cwd, node }: NyxOptions): ChildProcess =>
  spawn(node ?? process.execPath, [LAUNCHER, ...args], {
    cwd,
    env: { ...cleanEnvironment(), ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });

export type Finished = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

/** Runs a command to its end. */
export const runNyx = async (options: NyxOptions): Promise<Finished> => {
  const child = launch(options);
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  child.stdin?.end(options.input ?? '');
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
};

export type RunningNyx = AsyncDisposable & {
  readonly url: string;
  readonly child: ChildProcess;
  /** Milliseconds from the launch to the first line that says where it listens. */
  readonly startMs: number;
  readonly output: () => string;
  readonly stdout: () => string;
  readonly stop: (signal: NodeJS.Signals) => Promise<number | null>;
};

/** Starts a server and waits until it listens. */
export const startNyx = async (options: NyxOptions): Promise<RunningNyx> => {
  const begun = performance.now();
  const child = launch(options);
  let output = '';
  let stdout = '';
  child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  const url = await new Promise<string>((resolve, reject) => {
    const read = (chunk: Buffer) => {
      output += chunk.toString();
      const address = /nyx: listening on (http:\S+)/.exec(output)?.[1];
      if (address !== undefined) resolve(address);
    };
    child.stdout?.on('data', read);
    child.stderr?.on('data', read);
    child.once('close', (code) => reject(new Error(`nyx ended with ${code}:\n${output}`)));
  });
  const stop = async (signal: NodeJS.Signals): Promise<number | null> => {
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    child.kill(signal);
    const [code] = (await once(child, 'close')) as [number | null];
    return code;
  };
  return {
    url,
    child,
    startMs: performance.now() - begun,
    output: () => output,
    stdout: () => stdout,
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop('SIGKILL');
    },
  };
};
