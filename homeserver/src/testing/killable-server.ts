import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConfigInput } from '@nyx/config/schema.ts';
import type { TestCertificateAuthority } from '@nyx/federation/testing/certificates.ts';
import { freePort } from './create-federation.ts';
import { testServices } from './services.ts';

const LAUNCHER = join(import.meta.dirname, '../../bin/nyx.js');

/** A federating server in a process of its own, which can be killed and started again on the same data. */
export interface KillableServer extends AsyncDisposable {
  readonly name: string;
  /** Of the client API; another one after each start. */
  readonly url: string;
  /** The log so far. */
  readonly log: string;
  readonly databaseName: string;
  readonly mongoUri: string;
  /** `kill -9`. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** A JSON request to the client API; throws unless it is answered with 200. */
  ok(method: string, path: string, body?: unknown, token?: string): Promise<Record<string, unknown>>;
}

export type KillableOptions = {
  /** Of a TLS terminator in front of it; its own otherwise. */
  readonly name?: string;
  /** How much its clock is ahead, in milliseconds. */
  readonly skewMs?: number;
  /** More settings, as in the configuration file. */
  readonly config?: ConfigInput;
};

/** A clock that is wrong, for a process of its own. */
const skewed = (milliseconds: number): string => {
  const code = `const now=Date.now;Date.now=()=>now()+(${milliseconds})`;
  return `--import=data:text/javascript,${encodeURIComponent(code)}`;
};

/** Sets one up and starts it. */
export const startKillable = async (
  authority: TestCertificateAuthority,
  caFile: string,
  options: KillableOptions = {},
): Promise<KillableServer> => {
  await using stack = new AsyncDisposableStack();
  const services = stack.use(testServices());
  const folder = mkdtempSync(join(tmpdir(), 'nyx-killable-'));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const { skewMs = 0, config = {} } = options;
  const port = await freePort();
  const identity = authority.issue(['127.0.0.1']);
  const [cert, key, configFile] = [
    join(folder, 'tls.crt'),
    join(folder, 'tls.key'),
    join(folder, 'nyx.yaml'),
  ];
  writeFileSync(cert, identity.cert);
  writeFileSync(key, identity.key);
  writeFileSync(configFile, JSON.stringify(config));
  const name = options.name ?? `127.0.0.1:${port}`;
  const tls =
    options.name === undefined ? { NYX_TLS_PORT: String(port), NYX_TLS_CERT: cert, NYX_TLS_KEY: key } : {};
  const inherited = Object.entries(process.env).filter(([each]) => !/^(NYX_|VITEST|NODE_OPTIONS)/.test(each));
  const env = {
    ...Object.fromEntries(inherited),
    NYX_SERVER_NAME: name,
    NYX_BIND: '127.0.0.1',
    NYX_PORT: '0',
    NYX_DATA_DIR: folder,
    ...tls,
    ...(skewMs === 0 ? {} : { NODE_OPTIONS: skewed(skewMs) }),
    NYX_EXTRA_CA: caFile,
    NYX_ALLOW_PRIVATE_ADDRESSES: 'true',
    NYX_REGISTRATION_OPEN: 'true',
    NYX_RATE_LIMITS: 'false',
    NYX_DATABASE_NAME: services.databaseName,
    NYX_REDIS_PREFIX: services.redisPrefix,
    MONGODB_URI: services.mongoUri,
    REDIS_URL: services.redisUri,
  };
  let child: ReturnType<typeof spawn> | undefined;
  let log = '';
  let url = '';
  const kill = async (): Promise<void> => {
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'close');
    child.kill('SIGKILL');
    await ended;
  };
  const start = async (): Promise<void> => {
    const started = spawn(process.execPath, [LAUNCHER, 'start', '--config', configFile], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child = started;
    url = await new Promise<string>((resolve, reject) => {
      let output = '';
      const read = (chunk: Buffer) => {
        output += chunk.toString();
        log += chunk.toString();
        const address = /nyx: listening on (http:\S+)/.exec(output)?.[1];
        if (address !== undefined) resolve(address);
      };
      started.stdout.on('data', read);
      started.stderr.on('data', read);
      started.once('close', (code) => reject(new Error(`nyx ended with ${code}:\n${output.slice(-4_000)}`)));
    });
  };
  stack.defer(kill);
  await start();
  const kept = stack.move();
  return {
    name,
    databaseName: services.databaseName,
    mongoUri: services.mongoUri,
    get url() {
      return url;
    },
    get log() {
      return log;
    },
    kill,
    start,
    ok: async (method, path, body, token) => {
      const answer = await fetch(url + path, {
        method,
        headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const json = (await answer.json()) as Record<string, unknown>;
      if (answer.status !== 200)
        throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(json)}`);
      return json;
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
};
