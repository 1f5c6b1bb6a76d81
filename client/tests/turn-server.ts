/** A real coturn for the tests of calls: finds one, or says aloud that there is none. */
import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { thisMachine } from '@nyx/homeserver/services/start-services.ts';
import { findTurnServer } from '@nyx/homeserver/services/tools.ts';
import { vi } from 'vitest';

const found = await findTurnServer(thisMachine((line) => console.log(line))).catch((error: unknown) => {
  console.warn(`skipped: ${String(error)}`);
  return undefined;
});

/** The coturn of the tests; undefined where there is none. */
export const turnServerPath = found?.path;

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });

const answers = (port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    const socket = createConnection({ host: '127.0.0.1', port }, () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
  });

export type TurnServer = AsyncDisposable & {
  readonly secret: string;
  readonly uris: readonly string[];
  /** Credentials as a homeserver makes them (REST API for access to TURN services). */
  credentials(userId: string, secret?: string): RTCIceServer;
  /** Nothing passes until `resume`, as when a cable is pulled. */
  freeze(): void;
  resume(): void;
};

export const startTurnServer = async (): Promise<TurnServer> => {
  const port = await freePort();
  const folder = await mkdtemp(join(tmpdir(), 'nyx-turn-'));
  const secret = 'a secret of coturn and the homeserver';
  const child = spawn(
    turnServerPath ?? '',
    [
      ...['-n', '--listening-ip=127.0.0.1', '--relay-ip=127.0.0.1', `--listening-port=${port}`],
      ...['--use-auth-secret', `--static-auth-secret=${secret}`, '--realm=nyx.test'],
      ...['--no-tls', '--no-dtls', '--no-cli', '--cli-password=unused', '--allow-loopback-peers'],
      ...[`--pidfile=${join(folder, 'pid')}`, `--userdb=${join(folder, 'db')}`, '--log-file=stdout'],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], cwd: folder },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-4_000);
    });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const stop = async (): Promise<void> => {
    child.kill('SIGCONT');
    child.kill('SIGKILL');
    await exited;
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await vi.waitFor(() => answers(port), { timeout: 20_000, interval: 50 });
  } catch (error) {
    await stop();
    throw new Error(`coturn does not answer: ${output}`, { cause: error });
  }
  const uris = [`turn:127.0.0.1:${port}?transport=udp`];
  return {
    secret,
    uris,
    credentials: (userId, key = secret) => {
      const username = `${Math.floor(Date.now() / 1_000) + 3_600}:${userId}`;
      const credential = createHmac('sha1', key).update(username).digest('base64');
      return { urls: [...uris], username, credential };
    },
    freeze: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    [Symbol.asyncDispose]: stop,
  };
};
