import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GuardedHttp } from '@nyx/federation/http/guarded-http.ts';
import { createNodeDns } from '@nyx/federation/http/node-dns.ts';
import { createAddressPolicy } from '@nyx/federation/http/ssrf-guard.ts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { DiskBlobs } from '../../src/blob/disk.ts';
import { RemoteMedia } from '../../src/domain/media/remote-media.ts';
import { deleteUnseen } from '../../src/domain/media/retention.ts';
import { connectMongo, databaseOf } from '../../src/storage/mongo/connection.ts';
import { createIndexes } from '../../src/storage/mongo/create-indexes.ts';
import { MEDIA, MEDIA_SEEN_INDEX, MongoMedia } from '../../src/storage/mongo/media/mongo-media.ts';
import { MongoThumbnails } from '../../src/storage/mongo/media/mongo-thumbnails.ts';
import { testServices } from '../../src/testing/services.ts';
import { peerMedia } from '../../src/wiring/peer-media.ts';
import type { Peers } from '../../src/wiring/peers.ts';

const stack = new AsyncDisposableStack();
const folder = mkdtempSync(join(tmpdir(), 'nyx-copies-'));
let store: MongoMedia;
let thumbnails: MongoThumbnails;
let blobs: DiskBlobs;
let origin = '';
const site = createServer((request, response) => {
  if (request.url === '/moved') response.writeHead(307, { location: '/file' }).end();
  else if (request.url === '/file') {
    const headers = { 'content-type': 'text/plain', 'content-disposition': 'inline; filename=moved.txt' };
    response.writeHead(200, headers).end('the file');
  } else response.writeHead(302, { location: request.url }).end();
});

beforeAll(async () => {
  const services = stack.use(testServices());
  const { mongoUri: uri, databaseName: name } = services;
  const connection = stack.adopt(await connectMongo({ uri, name, maxPoolSize: 3 }), (one) => one.close());
  const db = databaseOf(connection);
  await createIndexes(db, MEDIA, [MEDIA_SEEN_INDEX]);
  store = new MongoMedia(db);
  thumbnails = new MongoThumbnails(db, { now: () => 0 });
  let count = 0;
  blobs = new DiskBlobs({
    folder,
    newId: () => `blob${(count += 1)}`,
    space: 'here',
    process: 'me',
    isAlive: () => true,
    now: () => 0,
  });
  site.listen(0, '127.0.0.1');
  await once(site, 'listening');
  origin = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
});
afterAll(async () => {
  site.closeAllConnections();
  site.close();
  rmSync(folder, { recursive: true, force: true });
  await stack.disposeAsync();
});

async function* only(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

const http = (deny?: readonly string[]): GuardedHttp =>
  stack.use(
    new GuardedHttp({
      dns: createNodeDns(),
      policy: createAddressPolicy(deny === undefined ? {} : { deny }),
    }),
  );

/** The media of a server that answers with a place where the file is. */
const movedTo = (location: string, outside: GuardedHttp, allowInsecure = true): RemoteMedia => {
  const { openElsewhere } = peerMedia({} as Peers, outside, allowInsecure);
  const body = `--b\r\n\r\n{}\r\n--b\r\nLocation: ${location}\r\n\r\n\r\n--b--`;
  const open = async () => ({ contentType: 'multipart/mixed; boundary=b', body: only(body) });
  return new RemoteMedia({ peers: { open, openElsewhere }, store, blobs, clock: { now: () => 5 } }, 1_000);
};

it('fetches a file from where its server says that it is, if that may be reached', async () => {
  const content = await movedTo(`${origin}/moved`, http([])).fetch('peer.example', 'moved');
  expect(content).toMatchObject({ contentType: 'text/plain', fileName: 'moved.txt', size: 8 });
  expect((await store.find('peer.example', 'moved'))?.seenAt).toBe(5);
  const refused: readonly (readonly [string, RemoteMedia])[] = [
    ['a private address', movedTo(`${origin}/file`, http())],
    ['no TLS', movedTo(`${origin}/file`, http([]), false)],
    ['a loop', movedTo(`${origin}/loop`, http([]))],
    ['junk', movedTo('nonsense', http([]))],
    ['a file', movedTo('file:///etc/passwd', http([]))],
  ];
  for (const [what, remote] of refused) {
    await expect(remote.fetch('peer.example', 'not-moved'), what).rejects.toMatchObject({
      code: 'bad_gateway',
    });
    expect(await store.find('peer.example', 'not-moved')).toBeUndefined();
  }
});

it('deletes copies that nobody asked for, with their thumbnails, and nothing else', async () => {
  const keep = async (server: string, mediaId: string, seenAt?: number): Promise<void> => {
    const { id, size, sha256 } = await blobs.write(only(mediaId), 100);
    const content = { blob: id, size, sha256, contentType: 'image/png' };
    const seen = seenAt === undefined ? { owner: '@a:b' } : { seenAt };
    await store.add({ server, mediaId, createdAt: 0, content, ...seen });
    await blobs.confirm(id);
  };
  const names = (): string[] =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => name);
  await keep('here.example', 'own');
  await keep('peer.example', 'fresh', 1_000);
  await keep('peer.example', 'asked', 10);
  const before = names().length;
  await keep('peer.example', 'stale', 10);
  const scaled = await blobs.write(only('small'), 100);
  await blobs.confirm(scaled.id);
  const key = { server: 'peer.example', mediaId: 'stale', variant: '32x32-crop' };
  const content = { blob: scaled.id, size: 5, sha256: scaled.sha256, contentType: 'image/png' };
  await thumbnails.add(key, { content });
  await store.see('peer.example', 'asked', 2_000);
  await store.remove('peer.example', 'moved');
  const signal = new AbortController().signal;
  expect(await deleteUnseen({ store, thumbnails, blobs }, 500, signal)).toBe(1);
  for (const [server, mediaId, isThere] of [
    ['here.example', 'own', true],
    ['peer.example', 'fresh', true],
    ['peer.example', 'asked', true],
    ['peer.example', 'stale', false],
  ] as const)
    expect([mediaId, (await store.find(server, mediaId)) !== undefined]).toEqual([mediaId, isThere]);
  expect(await thumbnails.find(key)).toBeUndefined();
  expect(names()).toHaveLength(before);
  expect(await deleteUnseen({ store, thumbnails, blobs }, 500, signal)).toBe(0);
});
