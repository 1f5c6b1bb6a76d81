import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { processSpace } from '../../src/adapters/process-identity.ts';
import { createTestServer, type TestServer, type TestUser } from '../../src/testing/create-test-server.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

const MAX = 200_000;
const AUTHED = '/_matrix/client/v1/media';
const LEGACY = '/_matrix/media/v3';
/** A picture of one pixel. */
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

let server: TestServer;
let alice: TestUser;
let bob: TestUser;

beforeAll(async () => {
  server = await createTestServer({ config: { media: { maxUpload: MAX } } });
  alice = await server.register('alice');
  bob = await server.register('bob');
});
afterAll(() => server.close());

const folder = () => join(server.config.server.dataDir, 'media');

/** Every file below the media folder. */
const files = (): string[] =>
  existsSync(folder())
    ? readdirSync(folder(), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map(({ name }) => name)
        .toSorted()
    : [];

const idOf = (uri: string): string => uri.slice('mxc://localhost/'.length);

const upload = async (bytes: Uint8Array, type?: string, name?: string): Promise<string> => {
  const query = name === undefined ? '' : `?filename=${encodeURIComponent(name)}`;
  const answer = await alice.request('POST', `${LEGACY}/upload${query}`, {
    rawBody: bytes,
    headers: type === undefined ? {} : { 'content-type': type },
  });
  expect(answer.status).toBe(200);
  expect(answer.body.content_uri).toMatch(/^mxc:\/\/localhost\/[A-Za-z0-9]{32}$/);
  return idOf(answer.body.content_uri);
};

const download = async (path: string, headers: Record<string, string> = {}) => {
  const response = await fetch(server.url + path, {
    headers: { authorization: `Bearer ${bob.token}`, ...headers },
  });
  return {
    status: response.status,
    headers: response.headers,
    bytes: Buffer.from(await response.arrayBuffer()),
  };
};

const announce = async (user = alice): Promise<string> =>
  idOf((await user.ok('POST', '/_matrix/media/v1/create')).content_uri);

describe('upload and download', () => {
  it('gives back the bytes, the type and the name', async () => {
    const bytes = randomBytes(150_000);
    const id = await upload(bytes, 'image/png', 'cat.png');
    for (const base of [AUTHED, LEGACY]) {
      const got = await download(`${base}/download/localhost/${id}`);
      expect(got.status).toBe(200);
      expect(got.bytes.equals(bytes)).toBe(true);
      expect(got.headers.get('content-type')).toBe('image/png');
      expect(got.headers.get('content-disposition')).toBe('inline; filename=cat.png');
      expect(got.headers.get('content-length')).toBe('150000');
      expect(got.headers.get('cross-origin-resource-policy')).toBe('cross-origin');
      expect(got.headers.get('content-security-policy')).toContain("sandbox; default-src 'none'");
      expect(got.headers.get('x-content-type-options')).toBe('nosniff');
      expect(got.headers.get('cache-control')).toContain(base === AUTHED ? 'private' : 'public');
    }
    const open = await fetch(`${server.url}${LEGACY}/download/localhost/${id}`);
    expect([open.status, (await open.arrayBuffer()).byteLength]).toEqual([200, 150_000]);
  });

  it('follows the specification in its answers', async () => {
    const id = await upload(PNG, 'image/png', 'dot.png');
    for (const path of [
      `${AUTHED}/config`,
      `${LEGACY}/config`,
      `${AUTHED}/download/localhost/${id}`,
      `${AUTHED}/download/localhost/${id}/other.png`,
      `${LEGACY}/download/localhost/${id}`,
      `${LEGACY}/download/localhost/${id}/other.png`,
      `${AUTHED}/thumbnail/localhost/${id}?width=32&height=32&method=crop`,
      `${LEGACY}/thumbnail/localhost/${id}?width=32&height=32`,
    ]) {
      const answer = await alice.request('GET', path);
      expect([path, answer.status]).toEqual([path, 200]);
      if (path.endsWith('/config')) expect(answer.body).toEqual({ 'm.upload.size': MAX });
      if (path.endsWith('other.png'))
        expect(answer.headers.get('content-disposition')).toBe('inline; filename=other.png');
    }
  });

  it('lets nothing run in a page, whatever it is called', async () => {
    const cases: readonly (readonly [string | undefined, string, string])[] = [
      ['text/html', 'text/html', 'attachment'],
      ['image/svg+xml', 'image/svg+xml', 'attachment'],
      ['application/javascript', 'application/javascript', 'attachment'],
      ['junk', 'application/octet-stream', 'attachment'],
      ['a/b; c=(', 'application/octet-stream', 'attachment'],
      [undefined, 'application/octet-stream', 'attachment'],
      ['IMAGE/PNG', 'IMAGE/PNG', 'inline'],
    ];
    for (const [given, type, kind] of cases) {
      const id = await upload(Buffer.from('<script>alert(1)</script>'), given);
      const { headers } = await download(`${AUTHED}/download/localhost/${id}`);
      expect(headers.get('content-type')?.split(';')[0]).toBe(type);
      expect(headers.get('content-disposition')).toBe(kind);
    }
  });

  it('keeps odd names out of the header', async () => {
    const id = await upload(PNG, 'image/png', 'päth "x"\r\nset-cookie: a=b\u202egnp.exe');
    const { headers } = await download(`${AUTHED}/download/localhost/${id}`);
    expect(headers.get('content-disposition')).toBe(
      "inline; filename*=utf-8''p%C3%A4th%20%22x%22set-cookie%3A%20a%3Dbgnp.exe",
    );
    expect(headers.get('set-cookie')).toBeNull();
    const lone = await download(`${AUTHED}/download/localhost/${id}/${encodeURIComponent("it's (1)*.png")}`);
    expect(lone.headers.get('content-disposition')).toBe("inline; filename*=utf-8''it%27s%20%281%29%2A.png");
  });

  it('hands out ranges, and nothing to those who have it', async () => {
    const bytes = randomBytes(1_000);
    const id = await upload(bytes);
    const path = `${AUTHED}/download/localhost/${id}`;
    const ranges: readonly (readonly [string, number, number])[] = [
      ['bytes=0-9', 0, 9],
      ['bytes=990-', 990, 999],
      ['bytes=-5', 995, 999],
      ['bytes=998-5000', 998, 999],
    ];
    for (const [range, start, end] of ranges) {
      const got = await download(path, { range });
      expect([range, got.status]).toEqual([range, 206]);
      expect(got.headers.get('content-range')).toBe(`bytes ${start}-${end}/1000`);
      expect(got.bytes.equals(bytes.subarray(start, end + 1))).toBe(true);
    }
    for (const range of ['bytes=1000-', 'bytes=5-2', 'bytes=0-1,4-5', 'bytes=-', 'bytes=-0', 'lines=1-2']) {
      const got = await download(path, { range });
      expect([range, got.status, got.bytes.length]).toEqual([range, 200, 1_000]);
    }
    const etag = (await download(path)).headers.get('etag') ?? '';
    const again = await download(path, { 'if-none-match': etag });
    expect([again.status, again.bytes.length]).toEqual([304, 0]);
    expect((await download(path, { range: 'bytes=0-9', 'if-range': '"old"' })).status).toBe(200);
    expect((await download(path, { range: 'bytes=0-9', 'if-range': etag })).status).toBe(206);
  });

  it('takes in an empty file', async () => {
    const id = await upload(Buffer.alloc(0));
    const got = await download(`${AUTHED}/download/localhost/${id}`, { range: 'bytes=0-' });
    expect([got.status, got.bytes.length]).toEqual([200, 0]);
  });
});

describe('what is refused', () => {
  it('refuses what is too large, announced or not, and keeps nothing of it', async () => {
    const before = files();
    const announced = await alice.request('POST', `${LEGACY}/upload`, { rawBody: randomBytes(MAX + 1) });
    expect([announced.status, announced.body.errcode]).toEqual([413, 'M_TOO_LARGE']);
    const chunks = async function* () {
      for (let sent = 0; sent <= MAX; sent += 50_000) yield randomBytes(50_000);
    };
    const streamed = await fetch(`${server.url}${LEGACY}/upload`, {
      method: 'POST',
      headers: { authorization: `Bearer ${alice.token}` },
      body: ReadableStream.from(chunks()),
      duplex: 'half',
    });
    expect([streamed.status, ((await streamed.json()) as { errcode: string }).errcode]).toEqual([
      413,
      'M_TOO_LARGE',
    ]);
    expect(files()).toEqual(before);
    await upload(randomBytes(MAX));
  });

  it('keeps nothing of an upload that is cut short', async () => {
    const before = files();
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    await once(socket, 'connect');
    socket.write(
      `POST ${LEGACY}/upload HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${alice.token}\r\ncontent-length: 100000\r\n\r\n`,
    );
    socket.write(randomBytes(50_000));
    await vi.waitFor(() => expect(files().length).toBe(before.length + 2), { timeout: 10_000 });
    socket.destroy();
    await vi.waitFor(() => expect(files()).toEqual(before), { timeout: 10_000 });
    expect((await alice.request('GET', `${AUTHED}/config`)).status).toBe(200);
  });

  it('does not find junk, other servers and lost bytes', async () => {
    const missing = [
      'localhost/nothing',
      'localhost/%00',
      'localhost/..%2f..%2fsecrets',
      `localhost/${'x'.repeat(300)}`,
      'other.example/abc',
    ];
    for (const base of [AUTHED, LEGACY])
      for (const path of missing) {
        const answer = await alice.request('GET', `${base}/download/${path}?timeout_ms=0&allow_remote=false`);
        expect([path, answer.status, answer.body.errcode]).toEqual([path, 404, 'M_NOT_FOUND']);
        const small = await alice.request(
          'GET',
          `${base}/thumbnail/${path}?width=1&height=1&timeout_ms=0&allow_remote=false`,
        );
        expect([path, small.status]).toEqual([path, 404]);
      }
    for (const path of ['%20/abc', `localhost/abc?timeout_ms=soon`, 'localhost/abc?allow_remote=maybe']) {
      const answer = await alice.request('GET', `${AUTHED}/download/${path}`);
      expect([path, answer.status, answer.body.errcode]).toEqual([path, 400, 'M_INVALID_PARAM']);
    }
  });

  it('needs a token for all but the old downloads', async () => {
    const id = await upload(PNG, 'image/png');
    for (const [method, path] of [
      ['POST', `${LEGACY}/upload`],
      ['POST', '/_matrix/media/v1/create'],
      ['PUT', `${LEGACY}/upload/localhost/${id}`],
      ['GET', `${AUTHED}/config`],
      ['GET', `${AUTHED}/download/localhost/${id}`],
      ['GET', `${AUTHED}/download/localhost/${id}/x`],
      ['GET', `${AUTHED}/thumbnail/localhost/${id}?width=1&height=1`],
    ] as const) {
      const answer = await server.request(method, path);
      expect([path, answer.status, answer.body.errcode]).toEqual([path, 401, 'M_MISSING_TOKEN']);
    }
  });
});

describe('announced uploads', () => {
  const put = (user: TestUser, path: string, rawBody: Uint8Array = PNG) =>
    user.request('PUT', `${LEGACY}/upload/${path}`, { rawBody, headers: { 'content-type': 'image/png' } });

  it('serves what was announced to whoever waits for it', async () => {
    const created = await alice.ok('POST', '/_matrix/media/v1/create', {});
    expect(created.unused_expires_at).toBeGreaterThan(Date.now());
    const id = idOf(created.content_uri);
    const early = await bob.request('GET', `${AUTHED}/download/localhost/${id}?timeout_ms=0`);
    expect([early.status, early.body.errcode]).toEqual([504, 'M_NOT_YET_UPLOADED']);
    const waiting = download(`${AUTHED}/download/localhost/${id}?timeout_ms=50000`);
    expect((await put(alice, `localhost/${id}?filename=dot.png`)).status).toBe(200);
    const got = await waiting;
    expect([got.status, got.bytes.equals(PNG)]).toEqual([200, true]);
    expect(got.headers.get('content-disposition')).toBe('inline; filename=dot.png');
  });

  it('takes each upload once, from whom it announced', async () => {
    const id = await announce();
    const before = files();
    expect([(await put(bob, `localhost/${id}`)).status, files()]).toEqual([403, before]);
    const race = await Promise.all([put(alice, `localhost/${id}`), put(alice, `localhost/${id}`)]);
    expect(race.map(({ status }) => status).toSorted()).toEqual([200, 409]);
    const late = await put(alice, `localhost/${id}`);
    expect([late.status, late.body.errcode]).toEqual([409, 'M_CANNOT_OVERWRITE_MEDIA']);
    expect(files().length).toBe(before.length + 1);
    for (const path of [`other.example/${id}`, 'localhost/unknown', 'localhost/%00']) {
      const answer = await put(alice, path);
      expect([path, answer.status, answer.body.errcode]).toEqual([path, 404, 'M_NOT_FOUND']);
    }
    const large = await put(alice, `localhost/${await announce()}`, randomBytes(MAX + 1));
    expect([large.status, large.body.errcode]).toEqual([413, 'M_TOO_LARGE']);
  });

  it('bounds how many are awaited', async () => {
    const carol = await server.register('carol');
    for (let count = 0; count < 100; count += 1) await announce(carol);
    const refused = await carol.request('POST', '/_matrix/media/v1/create');
    expect([refused.status, refused.body.errcode]).toEqual([429, 'M_LIMIT_EXCEEDED']);
    expect(refused.headers.get('retry-after')).toBe('60');
    await announce(alice);
  });
});

it('says what is wrong with a request for a thumbnail', async () => {
  const id = await upload(PNG, 'image/png');
  for (const query of [
    '',
    '?width=0&height=1',
    '?width=x&height=1',
    '?width=1',
    '?width=1&height=1&method=stretch',
    '?width=1&height=1&animated=maybe',
  ])
    expect((await alice.request('GET', `${AUTHED}/thumbnail/localhost/${id}${query}`)).status).toBe(400);
});

describe('with other settings', () => {
  it('keeps the old downloads shut when told so, and lets announced uploads expire', async () => {
    let now = Date.now();
    await using other = await createTestServer({
      config: { media: { legacyDownloads: false, uploadExpiry: '1s' } },
      platform: { clock: { now: () => now } },
    });
    const dora = await other.register('dora');
    const { content_uri } = await dora.ok('POST', `${LEGACY}/upload`, {});
    const path = `download/localhost/${idOf(content_uri)}`;
    expect((await dora.request('GET', `${AUTHED}/${path}`)).status).toBe(200);
    for (const old of [`${LEGACY}/${path}`, `${LEGACY}/thumbnail/localhost/x?width=1&height=1`]) {
      const answer = await dora.request('GET', old);
      expect([answer.status, answer.body.errcode]).toEqual([404, 'M_UNRECOGNIZED']);
    }
    const pending = idOf((await dora.ok('POST', '/_matrix/media/v1/create')).content_uri);
    now += 1_000;
    const late = await dora.request('PUT', `${LEGACY}/upload/localhost/${pending}`, { rawBody: PNG });
    expect([late.status, late.body.errcode]).toEqual([404, 'M_NOT_FOUND']);
    expect((await dora.request('GET', `${AUTHED}/download/localhost/${pending}`)).status).toBe(404);
  });

  it('removes at its start what a process that died left behind', async () => {
    await using other = await createTestServer();
    const eve = await other.register('eve');
    const { content_uri } = await eve.ok('POST', `${LEGACY}/upload`, { kept: true });
    const root = join(other.config.server.dataDir, 'media');
    const below = (name: string) => readdirSync(join(root, name), { recursive: true, withFileTypes: true });
    const names = (name: string) =>
      below(name)
        .filter((entry) => entry.isFile())
        .map((entry) => entry.name);
    const [kept = ''] = names('files');
    expect(names('incoming')).toEqual([]);
    const space = createHash('sha256').update(processSpace()).digest('hex').slice(0, 16);
    // No process with this id ever started at tick 0.
    const mark = (id: string) => `${id}~${space}~${process.pid}:0`;
    writeFileSync(join(root, 'incoming', mark(kept)), '');
    mkdirSync(join(root, 'files', 'or', 'ph'), { recursive: true });
    writeFileSync(join(root, 'files', 'or', 'ph', 'orphan'), 'whole, but nothing refers to it');
    writeFileSync(join(root, 'incoming', mark('orphan')), '');
    writeFileSync(join(root, 'incoming', mark('half')), '');
    writeFileSync(join(root, 'incoming', `${mark('half')}.part`), 'ha');
    await using again = await createTestServer({ sameAs: other });
    expect([names('incoming'), names('files')]).toEqual([[], [kept]]);
    const got = await fetch(`${again.url}${LEGACY}/download/localhost/${idOf(content_uri)}`);
    expect(await got.text()).toBe('{"kept":true}');
  });
});
