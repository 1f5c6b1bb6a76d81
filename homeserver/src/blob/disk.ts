import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { DomainError } from '../domain/errors.ts';
import type { BlobStore, ByteRange, StoredBlob } from '../ports/blob-store.ts';

export type DiskBlobsDeps = {
  readonly folder: string;
  /** A fresh, unguessable id of letters and digits. */
  readonly newId: () => string;
  /** This process and the space in which its name is unique; see `Platform`. */
  readonly space: string;
  readonly process: string;
  readonly isAlive: (process: string) => boolean;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
};

/** What another machine left is taken for dead after this time: no request lasts so long. */
const FOREIGN_LEFTOVER_MS = 86_400_000;
const PRIVATE_FILE = 0o600;
const PRIVATE_FOLDER = 0o700;
const PART = '.part';

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT';

/** Makes names in a folder durable: a rename is only on disk when its folder is. */
const syncFolder = async (folder: string): Promise<void> => {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};

const copy = async (handle: FileHandle, source: AsyncIterable<Uint8Array>, maxBytes: number) => {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of source) {
    size += chunk.byteLength;
    if (size > maxBytes) throw new DomainError('too_large', `The content is larger than ${maxBytes} bytes`);
    hash.update(chunk);
    await handle.appendFile(chunk);
  }
  await handle.sync();
  return { size, sha256: hash.digest('hex') };
};

/**
 * Blobs as files: `files/ab/cd/<id>` once they are whole. While one is written it is `incoming/<mark>.part`; the empty
 * `incoming/<mark>` names the process that writes, and stays until the blob is confirmed, so that a start finds what
 * an earlier process left half done.
 */
export class DiskBlobs implements BlobStore {
  readonly #deps: DiskBlobsDeps;
  readonly #incoming: string;
  readonly #space: string;

  constructor(deps: DiskBlobsDeps) {
    this.#deps = deps;
    this.#incoming = join(deps.folder, 'incoming');
    this.#space = createHash('sha256').update(deps.space).digest('hex').slice(0, 16);
  }

  async write(source: AsyncIterable<Uint8Array>, maxBytes: number): Promise<StoredBlob> {
    const id = this.#deps.newId();
    const mark = this.#markOf(id);
    const final = this.#fileOf(id);
    await mkdir(this.#incoming, { recursive: true, mode: PRIVATE_FOLDER });
    await mkdir(dirname(final), { recursive: true, mode: PRIVATE_FOLDER });
    try {
      await (await open(mark, 'wx', PRIVATE_FILE)).close();
      const handle = await open(mark + PART, 'wx', PRIVATE_FILE);
      const written = await copy(handle, source, maxBytes).finally(() => handle.close());
      await syncFolder(this.#incoming);
      await rename(mark + PART, final);
      await syncFolder(dirname(final));
      return { id, ...written };
    } catch (error) {
      await this.remove(id);
      throw error;
    }
  }

  async confirm(id: string): Promise<void> {
    await rm(this.#markOf(id), { force: true });
  }

  async remove(id: string): Promise<void> {
    const mark = this.#markOf(id);
    await rm(mark + PART, { force: true });
    await rm(this.#fileOf(id), { force: true });
    await rm(mark, { force: true });
  }

  async open(id: string, range?: ByteRange): Promise<Readable | undefined> {
    try {
      const handle = await open(this.#fileOf(id), 'r');
      return handle.createReadStream(range ?? {});
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  async sweep(isKept: (id: string) => Promise<boolean>): Promise<number> {
    let removed = 0;
    for (const name of await this.#marks()) {
      const [id = '', space, process = ''] = name.split('~');
      const mark = join(this.#incoming, name);
      const isLeft =
        space === this.#space ? !this.#deps.isAlive(process) : await this.#isOlder(mark, FOREIGN_LEFTOVER_MS);
      if (!isLeft) continue;
      await rm(mark + PART, { force: true });
      if (!(await isKept(id))) {
        await rm(this.#fileOf(id), { force: true });
        removed += 1;
      }
      await rm(mark, { force: true });
    }
    return removed;
  }

  async #marks(): Promise<string[]> {
    try {
      return (await readdir(this.#incoming)).filter((name) => !name.endsWith(PART));
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
  }

  async #isOlder(file: string, milliseconds: number): Promise<boolean> {
    try {
      return (await stat(file)).mtimeMs < this.#deps.now() - milliseconds;
    } catch (error) {
      // Its writer has confirmed it meanwhile.
      if (isMissing(error)) return false;
      throw error;
    }
  }

  #markOf(id: string): string {
    return join(this.#incoming, `${id}~${this.#space}~${this.#deps.process}`);
  }

  #fileOf(id: string): string {
    return join(this.#deps.folder, 'files', id.slice(0, 2), id.slice(2, 4), id);
  }
}
