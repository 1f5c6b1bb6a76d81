import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  existsSync,
  chownSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../src/services/private-folder.ts';
import { NotHere } from './not-here.ts';

/** Where Debian keeps the programs of each version. */
const DEBIAN = '/usr/lib/postgresql';

/** A PostgreSQL of its own, listening on the loopback interface alone. */
export interface Postgres extends AsyncDisposable {
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/** Folder with `initdb` and `postgres` of the newest version installed. */
const programs = (): string => {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a)) : [];
  const found = versions.map((version) => join(DEBIAN, version, 'bin')).find((path) => existsSync(path));
  if (found === undefined) throw new NotHere(`no PostgreSQL in ${DEBIAN} (Debian: apt install postgresql)`);
  return found;
};

/** PostgreSQL refuses to run as root: the user that its package made does. */
const owner = (): { readonly uid: number; readonly gid: number } | undefined => {
  if (process.getuid?.() !== 0) return undefined;
  const entry = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .find(([name]) => name === 'postgres');
  if (entry === undefined)
    throw new NotHere('PostgreSQL does not run as root, and there is no user postgres');
  return { uid: Number(entry[2]), gid: Number(entry[3]) };
};

/** Starts a fresh one, as durable as it is out of the box. @throws NotHere where it is not installed */
export const startPostgres = async (): Promise<Postgres> => {
  const bin = programs();
  const as = owner();
  const folder = mkdtempSync(join(tmpdir(), 'nyx-bench-postgres-'));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  if (as !== undefined) chownSync(folder, as.uid, as.gid);
  const password = randomBytes(16).toString('hex');
  const passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, password);
  if (as !== undefined) chownSync(passwordFile, as.uid, as.gid);
  const data = join(folder, 'data');
  const options = { cwd: folder, stdio: 'ignore', ...as } as const;
  // Synapse refuses a database whose order of text depends on a language.
  const initArgs = ['-D', data, '-U', 'synapse', '--locale=C', '-E', 'UTF8', '-A', 'scram-sha-256'];
  const made = spawn(join(bin, 'initdb'), [...initArgs, `--pwfile=${passwordFile}`], options);
  const [code] = await once(made, 'exit');
  if (code !== 0) throw new Error(`initdb ended with ${String(code)}`);
  const port = await freePort();
  const settings = ['-h', '127.0.0.1', '-p', String(port), '-k', folder];
  const server = spawn(join(bin, 'postgres'), ['-D', data, ...settings], options);
  const ended = once(server, 'exit');
  stack.defer(async () => {
    // Its "fast" shutdown.
    if (server.exitCode === null) server.kill('SIGINT');
    await ended;
  });
  const kept = stack.move();
  return {
    port,
    user: 'synapse',
    password,
    database: 'postgres',
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
};
