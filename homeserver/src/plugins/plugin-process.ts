import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LIMITS } from '@nyx/plugin-sdk/limits.ts';
import { LineReader } from '@nyx/plugin-sdk/rpc/lines.ts';
import { RpcError, type RpcMessage } from '@nyx/plugin-sdk/rpc/messages.ts';
import { RpcPeer } from '@nyx/plugin-sdk/rpc/peer.ts';
import type { Logger } from '../ports/logger.ts';
import { Allowance } from './allowance.ts';
import type { LoadedPlugin } from './load-plugins.ts';

export type PluginProcessOptions = {
  readonly plugin: LoadedPlugin;
  readonly serverName: string;
  /** Heap of the process in MiB. */
  readonly maxMemoryMegabytes: number;
  /** Calls under way at once. */
  readonly maxCalls: number;
  /** Answers what the plugin asks of the host. */
  readonly serve: (method: string, params: unknown) => unknown;
  readonly logger: Logger;
  /** Milliseconds from any fixed point. */
  readonly monotonic: () => number;
};

export type PluginState = 'starting' | 'active' | 'down' | 'stopped';

const START_TIMEOUT_MS = 10_000;
const FIRST_RESTART_MS = 500;
const LONGEST_RESTART_MS = 60_000;
/** A process that lived this long has earned a quick restart. */
const STEADY_AFTER_MS = 60_000;
/** Calls in a row that time out before the process is taken for stuck. */
const STUCK_AFTER = 3;
const MAX_MESSAGES_PER_SECOND = 5_000;
const MAX_BYTES_PER_SECOND = 16_777_216;
/** Of what a plugin prints; the rest waits in its pipe, and holds nobody up but the plugin. */
const MAX_PRINTED_PER_SECOND = 16_384;
const MAX_PRINTED_LINE = 2_000;
/** Bytes that may wait for a plugin that does not read. */
const MAX_UNREAD = 4 * LIMITS.messageBytes;
/** What a process may hold besides its heap: code, buffers, Node itself. */
const BEYOND_HEAP_BYTES = 134_217_728;
const MEMORY_CHECK_MS = 1_000;
const PAGE_BYTES = 4_096;

const RUNNER = fileURLToPath(import.meta.resolve('@nyx/plugin-sdk/server/runner.ts'));

/** Every `node_modules` that a file may import from. */
const packageFolders = (file: string): string[] => {
  const folders: string[] = [];
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    folders.push(join(folder, 'node_modules'));
    if (dirname(folder) === folder) return folders;
  }
};

/** The process reads its own folder, the SDK and packages; it writes nothing and starts nothing. */
const nodeArguments = ({ folder, entry }: LoadedPlugin, maxMemoryMegabytes: number): string[] => {
  const sdk = dirname(dirname(RUNNER));
  const readable = new Set([folder, sdk, ...packageFolders(entry), ...packageFolders(RUNNER)]);
  return [
    '--permission',
    ...[...readable].map((path) => `--allow-fs-read=${path}`),
    `--max-old-space-size=${maxMemoryMegabytes}`,
    RUNNER,
  ];
};

/**
 * A plugin's process. Whatever it does, the host loses at most a call's time limit: it is ended when it breaks the
 * protocol, floods, takes too much memory or is stuck, and started again after a pause that doubles.
 */
export class PluginProcess implements AsyncDisposable {
  readonly #options: PluginProcessOptions;
  #state: PluginState = 'down';
  #child: ChildProcessWithoutNullStreams | undefined;
  #peer: RpcPeer | undefined;
  #failures = 0;
  #timeouts = 0;
  #startedAt = 0;
  #ended: Promise<void> = Promise.resolve();
  #restart: NodeJS.Timeout | undefined;

  constructor(options: PluginProcessOptions) {
    this.#options = options;
  }

  get state(): PluginState {
    return this.#state;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts the process and sets the plugin up. A failure is logged and followed by another try; it does not throw. */
  async start(): Promise<void> {
    if (this.#state === 'stopped') return;
    const { plugin, maxMemoryMegabytes, serverName, logger, monotonic } = this.#options;
    this.#state = 'starting';
    this.#timeouts = 0;
    this.#startedAt = monotonic();
    // An environment of nothing: no secret of the server's reaches a plugin by it.
    const child = spawn(process.execPath, nodeArguments(plugin, maxMemoryMegabytes), {
      cwd: plugin.folder,
      env: {},
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#child = child;
    const peer = this.#talk(child);
    this.#peer = peer;
    const memory = this.#watchMemory(child);
    this.#ended = new Promise((resolve) => {
      const over = (reason: string): void => {
        clearInterval(memory);
        this.#fail(child, reason);
        resolve();
      };
      child.on('error', (error) => over(error.message));
      child.on('close', (code, signal) => over(`it ended with ${code ?? signal ?? 'nothing'}`));
    });
    try {
      const { entry, manifest, config } = plugin;
      await peer.call('start', { entry, manifest, config, serverName }, START_TIMEOUT_MS);
      // It may have been stopped, or have failed, in between.
      if (this.#child !== child || this.state === 'stopped') return;
      this.#state = 'active';
      logger.info({ pid: child.pid }, 'plugin started');
    } catch (error) {
      this.#fail(child, error instanceof RpcError ? `setup failed: ${error.message}` : 'setup failed');
    }
  }

  /**
   * Calls the plugin. Throws `RpcError`: `down` at once while it does not run, `busy` at once when too much is under
   * way, `timeout` after `timeoutMs`, `closed` when it ends meanwhile, and what the plugin answers itself.
   */
  async call(method: string, params: unknown, timeoutMs: number): Promise<unknown> {
    const peer = this.#peer;
    const child = this.#child;
    if (this.#state !== 'active' || peer === undefined || child === undefined)
      throw new RpcError('down', 'the plugin is not running');
    try {
      const answer = await peer.call(method, params, timeoutMs);
      this.#timeouts = 0;
      return answer;
    } catch (error) {
      if (!(error instanceof RpcError) || error.code !== 'timeout') throw error;
      if (this.#child === child && ++this.#timeouts >= STUCK_AFTER) this.#fail(child, 'it is stuck');
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#state = 'stopped';
    clearTimeout(this.#restart);
    this.#peer?.close('the server stops');
    this.#child?.kill('SIGKILL');
    await this.#ended;
  }

  #talk(child: ChildProcessWithoutNullStreams): RpcPeer {
    const { maxCalls, serve, monotonic } = this.#options;
    const end = (reason: string) => this.#fail(child, reason);
    const peer = new RpcPeer({
      send: (message) => this.#send(child, message),
      handle: serve,
      maxWaiting: maxCalls,
      maxServing: LIMITS.concurrentCalls,
      onViolation: (reason) => end(`it sent ${reason}`),
    });
    const messages = new Allowance(MAX_MESSAGES_PER_SECOND, monotonic);
    const bytes = new Allowance(MAX_BYTES_PER_SECOND, monotonic);
    const lines = new LineReader(
      LIMITS.messageBytes,
      (text) => {
        if (this.#child !== child) return;
        if (messages.take(1)) peer.receive(text);
        else end('it floods the server with messages');
      },
      () => end('it sent a message larger than the limit'),
    );
    child.stdout.on('data', (chunk: Buffer) => {
      if (bytes.take(chunk.length)) lines.push(chunk);
      else end('it floods the server with bytes');
    });
    this.#logPrinted(child);
    child.stdin.on('error', () => undefined);
    return peer;
  }

  #send(child: ChildProcessWithoutNullStreams, message: RpcMessage): boolean {
    if (!child.stdin.writable || child.stdin.writableLength > MAX_UNREAD) return false;
    const line = JSON.stringify(message);
    if (Buffer.byteLength(line) > LIMITS.messageBytes) return false;
    child.stdin.write(`${line}\n`);
    return true;
  }

  /** What the plugin prints goes to the log, as much of it as a second may bring. */
  #logPrinted(child: ChildProcessWithoutNullStreams): void {
    const { logger, monotonic } = this.#options;
    const allowance = new Allowance(MAX_PRINTED_PER_SECOND, monotonic);
    child.stderr.on('data', (chunk: Buffer) => {
      for (const line of chunk.toString('utf8').split('\n'))
        if (line.trim() !== '' && allowance.take(line.length))
          logger.info({ printed: line.slice(0, MAX_PRINTED_LINE) }, 'plugin output');
      if (!allowance.isSpent) return;
      child.stderr.pause();
      setTimeout(() => child.stderr.resume(), MEMORY_CHECK_MS).unref();
    });
  }

  /** Buffers lie outside the heap that Node bounds. Linux tells what a process holds; elsewhere the heap's bound has to do. */
  #watchMemory(child: ChildProcessWithoutNullStreams): NodeJS.Timeout {
    const most = this.#options.maxMemoryMegabytes * 1_048_576 + BEYOND_HEAP_BYTES;
    const look = async (): Promise<void> => {
      const text = await readFile(`/proc/${child.pid ?? 0}/statm`, 'utf8').catch(() => '');
      const resident = Number(text.split(' ')[1] ?? 0) * PAGE_BYTES;
      if (resident > most) this.#fail(child, 'it takes too much memory');
    };
    return setInterval(() => void look(), MEMORY_CHECK_MS).unref();
  }

  /** Ends the process, if it is still the current one, and starts another after a pause. */
  #fail(child: ChildProcessWithoutNullStreams, reason: string): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    this.#peer?.close(reason);
    this.#peer = undefined;
    child.kill('SIGKILL');
    child.stdout.destroy();
    child.stderr.destroy();
    if (this.#state === 'stopped') return;
    this.#state = 'down';
    const { logger, monotonic } = this.#options;
    if (monotonic() - this.#startedAt >= STEADY_AFTER_MS) this.#failures = 0;
    const pause = Math.min(FIRST_RESTART_MS * 2 ** this.#failures, LONGEST_RESTART_MS);
    this.#failures += 1;
    logger.warn({ reason, restartInMs: pause }, 'plugin failed');
    this.#restart = setTimeout(() => void this.start(), pause).unref();
  }
}
