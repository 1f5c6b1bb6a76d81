import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { DiskBlobs } from '../../src/blob/disk.ts';
import { DomainError } from '../../src/domain/errors.ts';
import { RemoteMedia } from '../../src/domain/media/remote-media.ts';
import { testServices } from '../../src/testing/services.ts';
import { connectMongo, databaseOf } from '../../src/storage/mongo/connection.ts';
import { MongoMedia } from '../../src/storage/mongo/media/mongo-media.ts';

const services = testServices();
const folder = mkdtempSync(join(tmpdir(), 'nyx-media-'));
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await services[Symbol.asyncDispose]();
});

const part = (headers: string, file: string) => `--b\r\n\r\n{}\r\n--b\r\n${headers}\r\n\r\n${file}`;

it('keeps nothing of what a hostile server sends, and hangs up', async () => {
  const connection = await connectMongo({
    uri: services.mongoUri,
    name: services.databaseName,
    maxPoolSize: 2,
  });
  let count = 0;
  const blobs = new DiskBlobs({
    folder,
    newId: () => `blob${(count += 1)}`,
    space: 'here',
    process: 'me',
    isAlive: () => true,
    now: () => 0,
  });
  const store = new MongoMedia(databaseOf(connection));
  const type = 'multipart/mixed; boundary=b';
  const cases: readonly (readonly [string | undefined, string])[] = [
    [undefined, 'file'],
    ['text/plain', 'file'],
    [type, ''],
    [type, 'junk'],
    [type, part('Location: http://169.254.169.254/secrets', '\r\n--b--')],
    [type, part('content-type: text/plain', 'cut sho')],
    [type, part('content-type: text/plain', `${'x'.repeat(200)}\r\n--b--`)],
  ];
  for (const [contentType, text] of cases) {
    let isOpen = true;
    async function* body(): AsyncGenerator<Uint8Array> {
      try {
        for (const letter of text) yield Buffer.from(letter);
      } finally {
        isOpen = false;
      }
    }
    const openElsewhere = () => Promise.reject(new DomainError('bad_gateway', 'not there'));
    const peers = { open: () => Promise.resolve({ contentType, body: body() }), openElsewhere };
    const remote = new RemoteMedia({ peers, store, blobs, clock: { now: () => 0 } }, 100);
    await expect(remote.fetch('evil.example', 'x')).rejects.toMatchObject({ code: 'bad_gateway' });
    expect([text, isOpen, await store.find('evil.example', 'x')]).toEqual([text, false, undefined]);
  }
  const left = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  expect(left).toEqual([]);
  await connection.close();
});
