import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { LIMITS } from '../limits.ts';
import { LineReader } from '../rpc/lines.ts';
import { RpcError } from '../rpc/messages.ts';
import { RpcPeer } from '../rpc/peer.ts';
import type { PluginLog, ServerPlugin, ServerStorage } from './plugin.ts';
import { HOST_CALLS } from './protocol.ts';
import { ServerRuntime } from './runtime.ts';

/**
 * The program of a plugin's process: `node runner.ts`, with JSON-RPC on standard input and output, a message per line.
 * What the plugin itself prints goes to standard error.
 */
const HOST_TIMEOUT_MS = 10_000;

const isServerPlugin = (value: unknown): value is ServerPlugin =>
  typeof value === 'object' && value !== null && 'setup' in value && typeof value.setup === 'function';

const write = process.stdout.write.bind(process.stdout);
globalThis.console = new console.Console(process.stderr, process.stderr);

let runtime: ServerRuntime | undefined;

const peer: RpcPeer = new RpcPeer({
  send: (message) => {
    const line = JSON.stringify(message);
    if (line.length <= LIMITS.messageBytes && Buffer.byteLength(line) <= LIMITS.messageBytes)
      write(`${line}\n`);
    else if ('result' in message)
      write(
        `${JSON.stringify({ jsonrpc: '2.0', id: message.id, error: { code: 'too_large', message: 'the answer is too large' } })}\n`,
      );
    else return false;
    return true;
  },
  handle: async (method, params) => {
    if (method === 'start') return start(params);
    if (runtime === undefined) throw new RpcError('not_started', 'the plugin has not been started');
    return runtime.call(method, params);
  },
  maxWaiting: LIMITS.concurrentCalls,
  maxServing: LIMITS.concurrentCalls,
  onViolation: (reason) => {
    process.stderr.write(`the host sent ${reason}\n`);
    process.exitCode = 1;
    process.stdin.destroy();
  },
});

const ask = (method: string, params: unknown): Promise<unknown> => peer.call(method, params, HOST_TIMEOUT_MS);

const storage: ServerStorage = {
  get: (key) => ask('storage.get', { key }),
  set: async (key, value) => {
    await ask('storage.set', { key, value });
  },
  delete: async (key) => {
    await ask('storage.delete', { key });
  },
  list: async (prefix, after) =>
    z
      .array(z.string())
      .parse(await ask('storage.list', { prefix, ...(after === undefined ? {} : { after }) })),
};

const say =
  (level: 'info' | 'warn' | 'error') =>
  (message: string): void =>
    peer.notify('log', { level, message: message.slice(0, LIMITS.logLine) });

const log: PluginLog = { info: say('info'), warn: say('warn'), error: say('error') };

const start = async (params: unknown): Promise<null> => {
  if (runtime !== undefined) throw new RpcError('started', 'the plugin has been started already');
  const { entry, manifest, config, serverName } = HOST_CALLS.start.parse(params);
  const module: unknown = await import(pathToFileURL(entry).href);
  const plugin =
    typeof module === 'object' && module !== null && 'plugin' in module ? module.plugin : undefined;
  if (!isServerPlugin(plugin))
    throw new RpcError('mismatch', 'the server entry exports no `plugin` with a setup');
  const now = (): number => Date.now();
  runtime = await ServerRuntime.start(plugin, manifest, { config, serverName, storage, log, now });
  return null;
};

const lines = new LineReader(
  LIMITS.messageBytes,
  (text) => peer.receive(text),
  () => process.stdin.destroy(),
);
process.stdin.on('data', (chunk: Buffer) => lines.push(chunk));
// The host is gone, or wants this process to end.
process.stdin.on('close', () => process.exit());
