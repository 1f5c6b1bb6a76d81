import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * Runs "$@" until it ends, is told to (SIGTERM), or standard input closes: the kernel closes it when this process
 * dies, however it dies, so a killed server leaves no service behind that would block the next start.
 */
const GUARD = `exec 3<&0
"$@" </dev/null 3<&- &
child=$!
trap 'kill -TERM $child 2>/dev/null' TERM
( cat <&3 >/dev/null; kill -TERM $child 2>/dev/null ) >/dev/null 2>&1 &
watcher=$!
exec 3<&-
wait $child; code=$?
while kill -0 $child 2>/dev/null; do wait $child; code=$?; done
kill $watcher 2>/dev/null
exit $code`;

const MOST_KEPT_OUTPUT = 8_192;
const LONGEST_RESTART_DELAY_MS = 30_000;
const KILL_AFTER_MS = 20_000;

export type SupervisedOptions = {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly report: (line: string) => void;
  /** SIGTERM unless the service holds nothing worth a clean stop. */
  readonly stopSignal?: 'SIGTERM' | 'SIGKILL';
  /** Told the process that guards the service and lives as long as it, at every start. */
  readonly onStart?: (pid: number) => void;
};

/** Kills the guard and its service; the guard's own death would not end a service that ignores SIGTERM. */
const killGroup = (child: ChildProcess): void => {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has ended already.
  }
};

/** A service that this process runs. It is restarted when it dies, and ends with this process. */
export class SupervisedProcess implements AsyncDisposable {
  readonly #options: SupervisedOptions;
  #child: ChildProcess | undefined;
  #output = '';
  #stopping = false;
  #failures = 0;
  #ended = Promise.resolve();
  #restart: AbortController | undefined;

  constructor(options: SupervisedOptions) {
    this.#options = options;
    this.#spawn();
  }

  /** The last of what the service printed: why it did not come up. */
  get output(): string {
    return this.#output.trim();
  }

  /** Whether the service has died and not been restarted. */
  get down(): boolean {
    return this.#child === undefined;
  }

  /** Called once the service has answered: from now on a death is followed by a restart. */
  established(): void {
    this.#failures = 0;
    this.#restart ??= new AbortController();
  }

  /** Ends the service without letting it clean up, as a crash would. */
  async kill(): Promise<void> {
    this.#stopping = true;
    this.#restart?.abort();
    if (this.#child !== undefined) killGroup(this.#child);
    await this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true;
    this.#restart?.abort();
    const child = this.#child;
    if (child === undefined) return;
    if (this.#options.stopSignal === 'SIGKILL') {
      await this.kill();
      return;
    }
    child.kill('SIGTERM');
    const late = new AbortController();
    const timer = delay(KILL_AFTER_MS, undefined, { signal: late.signal }).then(
      () => killGroup(child),
      () => undefined,
    );
    await this.#ended;
    late.abort();
    await timer;
  }

  #spawn(): void {
    const { command, args, env, name, report } = this.#options;
    // A process group of its own: Ctrl-C in a terminal must reach the server alone, which then stops its services.
    const child = spawn('/bin/sh', ['-c', GUARD, name, command, ...args], {
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
      env: env,
    });
    this.#child = child;
    if (child.pid !== undefined) this.#options.onStart?.(child.pid);
    this.#output = '';
    const keep = (chunk: Buffer) => {
      this.#output = (this.#output + chunk.toString('utf8')).slice(-MOST_KEPT_OUTPUT);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.stdin.on('error', () => undefined);
    this.#ended = new Promise((resolve) => {
      const over = (reason: string) => {
        if (this.#child === child) {
          this.#child = undefined;
          if (!this.#stopping && this.#restart !== undefined) this.#restartLater(reason, report);
        }
        resolve();
      };
      child.on('error', (error) => over(error.message));
      child.on('close', (code, signal) => over(`exit code ${code ?? String(signal)}`));
    });
  }

  #restartLater(reason: string, report: (line: string) => void): void {
    const pause = Math.min(500 * 2 ** this.#failures, LONGEST_RESTART_DELAY_MS);
    this.#failures += 1;
    report(`${this.#options.name} ended (${reason}); starting it again in ${pause / 1_000} s`);
    delay(pause, undefined, { signal: this.#restart?.signal, ref: false }).then(
      () => {
        if (!this.#stopping) this.#spawn();
      },
      () => undefined,
    );
  }
}
