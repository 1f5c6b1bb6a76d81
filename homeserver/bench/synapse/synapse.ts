import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../src/services/private-folder.ts';
import { thisMachine } from '../../src/services/start-services.ts';
import { PythonEnvironmentError, pythonEnvironment } from '../../src/services/tools.ts';
import { SYNAPSE } from '../../src/testing/real-synapse.ts';
import { NotHere } from './not-here.ts';
import type { Postgres } from './postgres.ts';

/** What Synapse speaks to PostgreSQL with. */
const DRIVER = 'psycopg2-binary==2.9.13';

/** A server to measure. */
export interface Measured extends AsyncDisposable {
  readonly url: string;
  /** With which users are registered; undefined where registration is open. */
  readonly secret?: string;
}

const START_LIMIT_MS = 180_000;
const SECRET = 'bench';
const NO_LIMIT = { per_second: 1e6, burst_count: 1e6 };

const settings = (port: number, folder: string, { user, password, database, port: dbPort }: Postgres) => ({
  server_name: 'synapse.bench',
  public_baseurl: `http://127.0.0.1:${port}/`,
  listeners: [{ port, type: 'http', bind_addresses: ['127.0.0.1'], resources: [{ names: ['client'] }] }],
  database: {
    name: 'psycopg2',
    args: { user, password, dbname: database, host: '127.0.0.1', port: dbPort, cp_min: 5, cp_max: 10 },
  },
  log_config: join(folder, 'log.yaml'),
  media_store_path: join(folder, 'media'),
  signing_key_path: join(folder, 'signing.key'),
  pid_file: join(folder, 'pid'),
  report_stats: false,
  trusted_key_servers: [],
  suppress_key_server_warning: true,
  registration_shared_secret: SECRET,
  macaroon_secret_key: SECRET,
  form_secret: SECRET,
  rc_message: NO_LIMIT,
  rc_registration: NO_LIMIT,
  rc_joins_per_room: NO_LIMIT,
  rc_room_creation: NO_LIMIT,
  rc_joins: { local: NO_LIMIT, remote: NO_LIMIT },
  rc_invites: { per_room: NO_LIMIT, per_user: NO_LIMIT, per_issuer: NO_LIMIT },
  rc_login: { address: NO_LIMIT, account: NO_LIMIT, failed_attempts: NO_LIMIT },
});

const LOG = {
  version: 1,
  handlers: { console: { class: 'logging.StreamHandler' } },
  root: { level: 'WARNING', handlers: ['console'] },
};

const python = async (): Promise<string> => {
  try {
    return await pythonEnvironment([SYNAPSE, DRIVER], thisMachine(console.info));
  } catch (error) {
    if (error instanceof PythonEnvironmentError) throw new NotHere(error.message);
    throw error;
  }
};

/** A Synapse in one process on that database, with its own defaults but for rate limits. @throws NotHere */
export const startSynapseOn = async (postgres: Postgres): Promise<Measured> => {
  const interpreter = await python();
  const folder = mkdtempSync(join(tmpdir(), 'nyx-bench-synapse-'));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, 'media'));
  const port = await freePort();
  const file = join(folder, 'homeserver.yaml');
  // JSON is YAML.
  writeFileSync(file, JSON.stringify(settings(port, folder, postgres)));
  writeFileSync(join(folder, 'log.yaml'), JSON.stringify(LOG));
  const args = ['-m', 'synapse.app.homeserver', '-c', file];
  const keys = spawn(interpreter, [...args, '--generate-keys'], { cwd: folder, stdio: 'ignore' });
  await once(keys, 'exit');
  const server = spawn(interpreter, args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = once(server, 'exit');
  let complaint = '';
  server.stderr.on('data', (chunk: Buffer) => (complaint = (complaint + chunk.toString()).slice(-2_000)));
  stack.defer(async () => {
    if (server.exitCode === null) server.kill('SIGTERM');
    await ended;
  });
  const url = `http://127.0.0.1:${port}`;
  for (const deadline = Date.now() + START_LIMIT_MS; ;) {
    if (server.exitCode !== null) throw new Error(`Synapse ended: ${complaint}`);
    const isUp = await fetch(`${url}/_matrix/client/versions`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isUp) break;
    if (Date.now() > deadline) throw new Error(`Synapse did not start in time: ${complaint}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const kept = stack.move();
  return { url, secret: SECRET, [Symbol.asyncDispose]: () => kept.disposeAsync() };
};
