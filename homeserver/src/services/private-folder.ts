import { randomBytes, randomInt } from 'node:crypto';
import { chmod, mkdir, mkdtemp, open, readFile, rename, statfs } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Makes `path` (and what leads to it) a folder that only this user can enter. */
export const makePrivateFolder = async (path: string): Promise<void> => {
  await mkdir(path, { recursive: true, mode: 0o700 });
  await chmod(path, 0o700);
};

/** Writes a file that only this user can read; it is on disk, whole or not at all, when this returns. */
export const writePrivateFile = async (path: string, content: string): Promise<void> => {
  const temporary = `${path}.${randomBytes(4).toString('hex')}.tmp`;
  const file = await open(temporary, 'wx', 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
};

/** The content of a file, or undefined when there is none. */
export const readIfThere = async (path: string): Promise<string | undefined> => {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
};

/** The secret kept in `folder/name`; made on first use. 32 random bytes, hexadecimal (a MongoDB key file takes no base64url). */
export const keptSecret = async (folder: string, name: string): Promise<string> => {
  const path = join(folder, name);
  const kept = (await readIfThere(path))?.trim();
  if (kept !== undefined && kept !== '') return kept;
  const made = randomBytes(32).toString('hex');
  await writePrivateFile(path, `${made}\n`);
  return made;
};

/**
 * Ports are taken from below the range that systems give to outgoing connections, any of which could take the port
 * between its choice and its use.
 */
const LOWEST_RANDOM_PORT = 20_000;
const FIRST_EPHEMERAL_PORT = 32_768;
const RANDOM_PORT_ATTEMPTS = 50;

/** `preferred` when it is free on 127.0.0.1, else any free port. */
export const freePort = async (preferred?: number): Promise<number> => {
  const attempt = (port: number): Promise<number | undefined> =>
    new Promise((resolve) => {
      const server = createServer();
      server.once('error', () => resolve(undefined));
      server.listen({ host: '127.0.0.1', port, exclusive: true }, () => {
        const address = server.address();
        server.close(() => resolve(typeof address === 'object' ? address?.port : undefined));
      });
    });
  const first = preferred === undefined ? undefined : await attempt(preferred);
  if (first !== undefined) return first;
  for (let tries = 0; tries < RANDOM_PORT_ATTEMPTS; tries += 1) {
    const port = await attempt(randomInt(LOWEST_RANDOM_PORT, FIRST_EPHEMERAL_PORT));
    if (port !== undefined) return port;
  }
  const any = await attempt(0);
  if (any === undefined) throw new Error('no free port on 127.0.0.1');
  return any;
};

const PORT_ATTEMPTS = 3;

/** Calls `start` again when another process took the port between its choice and its use. */
export const retryBusyPort = async <T>(start: () => Promise<T>): Promise<T> => {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start();
    } catch (error) {
      const busy = error instanceof Error && /address already in use/i.test(error.message);
      if (!busy || attempt >= PORT_ATTEMPTS) throw error;
    }
  }
};

/** Room that a MongoDB and a Redis of a test run may need, with their journals. */
const NEEDED_IN_MEMORY_BYTES = 4 * 1_024 ** 3;
const MEMORY_FOLDER = '/dev/shm';

/**
 * A new folder for services that are thrown away: in memory where the system has such a folder with enough room
 * (containers often have 64 MB), else among the temporary files.
 */
export const makeTemporaryFolder = async (prefix: string): Promise<string> => {
  const room = await statfs(MEMORY_FOLDER).then(
    ({ bavail, bsize }) => bavail * bsize,
    () => 0,
  );
  return mkdtemp(join(room > NEEDED_IN_MEMORY_BYTES ? MEMORY_FOLDER : tmpdir(), prefix));
};
