import { setTimeout as delay } from 'node:timers/promises';
import { join } from 'node:path';
import { SupervisedProcess } from '../services/supervise.ts';

const LAUNCHER = join(import.meta.dirname, '../../bin/nyx.js');
const READY_LIMIT_MS = 180_000;
const POLL_MS = 50;

/** Runs a program with its output at the end of a file (the guard that starts it keeps only the last lines). */
const INTO_FILE = 'exec "$@" >>"$0" 2>&1';

export type DemoServerOptions = {
  /** Server name: `localhost:` and the TLS port. */
  readonly name: string;
  /** Where browsers find the client and its API. */
  readonly url: string;
  readonly dataDir: string;
  readonly logFile: string;
  readonly databaseName: string;
  readonly redisPrefix: string;
  readonly env: Readonly<Record<string, string | undefined>>;
};

/** A homeserver of the demo did not come up. */
export class DemoStartError extends Error {
  readonly code = 'DEMO_START_FAILED';
}

/** A homeserver of the demo, in a process of its own. */
export class DemoServer implements AsyncDisposable {
  readonly name: string;
  readonly url: string;
  readonly dataDir: string;
  readonly logFile: string;
  readonly databaseName: string;
  readonly redisPrefix: string;
  readonly #env: Readonly<Record<string, string | undefined>>;
  #process: SupervisedProcess | undefined;

  constructor({ name, url, dataDir, logFile, databaseName, redisPrefix, env }: DemoServerOptions) {
    this.name = name;
    this.url = url;
    this.dataDir = dataDir;
    this.logFile = logFile;
    this.databaseName = databaseName;
    this.redisPrefix = redisPrefix;
    this.#env = env;
  }

  /** Starts the process and waits until it can serve. @throws DemoStartError */
  async start(): Promise<void> {
    const server = new SupervisedProcess({
      name: this.name,
      command: '/bin/sh',
      args: ['-c', INTO_FILE, this.logFile, process.execPath, LAUNCHER, 'start'],
      env: this.#env,
      report: () => undefined,
    });
    this.#process = server;
    const end = performance.now() + READY_LIMIT_MS;
    while (!(await this.#isReady())) {
      if (server.down || performance.now() > end) {
        await server[Symbol.asyncDispose]();
        throw new DemoStartError(`${this.name} did not start; see ${this.logFile}`);
      }
      await delay(POLL_MS);
    }
  }

  /** Stops the process as an operator would. */
  async stop(): Promise<void> {
    await this.#process?.[Symbol.asyncDispose]();
    this.#process = undefined;
  }

  /** Ends the process as a crash would. */
  async kill(): Promise<void> {
    await this.#process?.kill();
    this.#process = undefined;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #isReady(): Promise<boolean> {
    return fetch(`${this.url}/ready`).then(
      (response) => response.ok,
      () => false,
    );
  }
}
