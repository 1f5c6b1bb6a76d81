import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Measured } from './synapse.ts';

const NYX = join(import.meta.dirname, '../../bin/nyx.js');

/** A Nyx in a process of its own, as `npm start` runs it, with services of its own and without rate limits. */
export const startNyx = async (): Promise<Measured> => {
  const folder = mkdtempSync(join(tmpdir(), 'nyx-bench-'));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const { MONGODB_URI: _mongo, REDIS_URL: _redis, ...inherited } = process.env;
  const env = {
    ...inherited,
    NYX_DATA_DIR: folder,
    NYX_PORT: '0',
    NYX_BIND: '127.0.0.1',
    NYX_REGISTRATION_OPEN: 'true',
    NYX_RATE_LIMITS: 'off',
  };
  const server = spawn(process.execPath, [NYX, 'start'], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(server, 'exit');
  stack.defer(async () => {
    if (server.exitCode === null) server.kill('SIGTERM');
    await ended;
  });
  let log = '';
  const url = await new Promise<string>((resolve, reject) => {
    const read = (chunk: Buffer) => {
      // Only the start is of interest; both streams must be emptied for as long as it runs.
      if (log.length > 64_000) return;
      log += chunk.toString();
      const found = /nyx: listening on (http:\S+)/.exec(log)?.[1];
      if (found !== undefined) resolve(found);
    };
    for (const output of [server.stdout, server.stderr]) output.on('data', read);
    void ended.then(() => reject(new Error(`nyx ended: ${log.slice(-2_000)}`)));
  });
  const kept = stack.move();
  return { url, [Symbol.asyncDispose]: () => kept.disposeAsync() };
};
