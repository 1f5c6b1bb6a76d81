import { createHash } from 'node:crypto';
import { mkdtemp, readFile, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync, gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { extractFromTgz, extractFromZip, sha256OfFile } from './archive.ts';
import { makeTgz, makeZip } from './testing/archives.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nyx-archive-'));
});
const keep = async (name: string, bytes: Buffer): Promise<string> => {
  const path = join(folder, name);
  await writeFile(path, bytes);
  return path;
};
// Larger than one read of a stream, and not a multiple of a tar block.
const program = Buffer.alloc(300_001, 'program');

describe('extractFromZip', () => {
  it.each([8, 0])('writes the member it is asked for, as a program (method %i)', async (method) => {
    const entries = [
      { name: 'x.data/purelib/bin/mongod.txt', data: Buffer.from('no') },
      { name: 'x.data/purelib/bin/mongod', data: program },
    ];
    const archive = await keep(
      `a${method}.zip`,
      makeZip(entries, method === 8 ? deflateRawSync : (data) => data, method),
    );
    const target = join(folder, `out${method}`);
    await extractFromZip(archive, 'bin/mongod', target);
    expect((await readFile(target)).equals(program)).toBe(true);
    expect((await stat(target)).mode & 0o777).toBe(0o700);
  });

  it('says what is wrong with what it cannot read', async () => {
    const none = await keep(
      'none.zip',
      makeZip([{ name: 'other', data: program }], (data) => data, 0),
    );
    await expect(extractFromZip(none, 'bin/mongod', join(folder, 'n'))).rejects.toThrow(
      'no bin/mongod in the archive',
    );
    const junk = await keep('junk.zip', Buffer.from('<html>blocked</html>'));
    await expect(extractFromZip(junk, 'bin/mongod', join(folder, 'n'))).rejects.toThrow('not a zip file');
  });
});

describe('extractFromTgz', () => {
  it('writes the member it is asked for', async () => {
    const archive = await keep(
      'a.tgz',
      makeTgz([
        { name: 'mongodb-1/README', data: Buffer.alloc(2_000, 'r') },
        { name: 'mongodb-1/bin/mongod', data: program },
        { name: 'mongodb-1/bin/mongos', data: Buffer.from('later') },
      ]),
    );
    const target = join(folder, 'tar-out');
    await extractFromTgz(archive, 'bin/mongod', target);
    expect((await readFile(target)).equals(program)).toBe(true);
  });

  it('says what is wrong with what it cannot read', async () => {
    const target = join(folder, 'tar-none');
    const none = await keep('none.tgz', makeTgz([{ name: 'a', data: program }]));
    await expect(extractFromTgz(none, 'bin/mongod', target)).rejects.toThrow('no bin/mongod in the archive');
    const whole = makeTgz([{ name: 'bin/mongod', data: program }]);
    const cut = await keep('cut.tgz', whole.subarray(0, whole.length - 100));
    await expect(extractFromTgz(cut, 'bin/mongod', target)).rejects.toThrow(/unexpected end/);
    const short = await keep('short.tgz', gzipSync(Buffer.alloc(10)));
    await expect(extractFromTgz(short, 'bin/mongod', target)).rejects.toThrow('no bin/mongod');
  });
});

it('hashes a file', async () => {
  const path = await keep('hash', program);
  expect(await sha256OfFile(path)).toBe(createHash('sha256').update(program).digest('hex'));
});
