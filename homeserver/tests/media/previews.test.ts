import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import sharp from 'sharp';
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { createTestServer, type TestServer, type TestUser } from '../../src/testing/create-test-server.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

const AUTHED = '/_matrix/client/v1/media';
const LEGACY = '/_matrix/media/v3';
type Page = (request: IncomingMessage, response: ServerResponse) => void;

const pages = new Map<string, Page>();
let asked: string[] = [];
const site = createServer((request, response) => {
  asked.push(request.url ?? '');
  const page = pages.get(request.url ?? '');
  if (page === undefined) response.writeHead(404).end();
  else page(request, response);
});
let origin = '';
let server: TestServer;
let alice: TestUser;
let ahead = 0;

beforeAll(async () => {
  site.listen(0, '127.0.0.1');
  await once(site, 'listening');
  origin = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
  server = await createTestServer({
    config: { media: { previews: { maxPage: '100KiB', timeout: '2s', denyHosts: ['*.denied.example'] } } },
    platform: { clock: { now: () => Date.now() + ahead } },
  });
  alice = await server.register('alice');
});
afterAll(async () => {
  await server.close();
  site.closeAllConnections();
  site.close();
});
beforeEach(() => {
  asked = [];
});

const html =
  (body: string, type = 'text/html; charset=utf-8'): Page =>
  (_request, response) => {
    response.writeHead(200, { 'content-type': type });
    response.end(Buffer.from(body, type.includes('1251') ? 'latin1' : 'utf8'));
  };
const serve = (path: string, page: Page): string => {
  pages.set(path, page);
  return origin + path;
};
const preview = (url: string, base = AUTHED) =>
  alice.request('GET', `${base}/preview_url?url=${encodeURIComponent(url)}`);

it('tells what a page says of itself, with its picture kept here', async () => {
  const png = await sharp({ create: { width: 40, height: 20, channels: 3, background: 'red' } })
    .png()
    .toBuffer();
  serve('/picture', (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(png);
  });
  const url = serve(
    '/page',
    html(`<!doctype html><html><head><title>Ignored</title>
      <meta property="og:title" content="The &amp; title"><meta property="og:title" content="second">
      <meta property="og:description" content=" Some
        text "><meta property="og:site_name" content="Site"><meta property="og:image" content="/picture">
      <meta property="og:image:width" content="99999"><meta property="evil" content="x"></head><body>x</body></html>`),
  );
  const { status, body } = await preview(`${url}#part`);
  expect([status, body]).toEqual([
    200,
    {
      'og:title': 'The & title',
      'og:description': 'Some text',
      'og:site_name': 'Site',
      'og:image': expect.stringMatching(/^mxc:\/\/localhost\/[A-Za-z0-9]{32}$/) as string,
      'og:image:type': 'image/png',
      'og:image:width': 40,
      'og:image:height': 20,
      'matrix:image:size': png.length,
    },
  ]);
  const id = String(body['og:image']).slice('mxc://'.length);
  const kept = await fetch(`${server.url}${AUTHED}/download/${id}`, {
    headers: { authorization: `Bearer ${alice.token}` },
  });
  expect(Buffer.from(await kept.arrayBuffer()).equals(png)).toBe(true);
  expect((await preview(url, LEGACY)).body).toEqual(body);
  expect(asked).toEqual(['/page', '/picture']);
  ahead += 3_700_000;
  await preview(url);
  expect(asked.slice(2)).toEqual(['/page', '/picture']);
});

it('makes do with less: title, description, text, a picture by itself, or nothing', async () => {
  const plain = serve(
    '/plain',
    html(
      '<title> A  title </title><script>var x = "not this"</script><nav>menu</nav><p>Hello <b>reader</b></p>',
    ),
  );
  expect((await preview(plain)).body).toEqual({ 'og:title': 'A title', 'og:description': 'Hello reader' });
  const described = serve('/described', html('<meta name="description" content="About"><body>Text'));
  expect((await preview(described)).body).toEqual({ 'og:description': 'About' });
  const old = serve(
    '/old',
    html('<title>\xcf\xf0\xe8\xe2\xe5\xf2</title>', 'text/html; charset=windows-1251'),
  );
  expect((await preview(old)).body).toEqual({ 'og:title': 'Привет' });
  const lost = serve('/lost', html('<title>x</title><meta property="og:image" content="/nowhere">'));
  expect((await preview(lost)).body).toEqual({ 'og:title': 'x' });
  const file = serve('/file', html('%PDF', 'application/pdf'));
  expect((await preview(file)).body).toEqual({});
  expect((await preview(serve('/empty', html('')))).body).toEqual({});
  const jpeg = await sharp({ create: { width: 8, height: 9, channels: 3, background: 'red' } })
    .jpeg()
    .toBuffer();
  const image = serve('/image.jpg', (_request, response) => {
    response.writeHead(200, { 'content-type': 'image/jpeg' }).end(jpeg);
  });
  expect((await preview(image)).body).toMatchObject({
    'og:image:type': 'image/jpeg',
    'og:image:width': 8,
    'og:image:height': 9,
  });
});

it('follows redirects, but not for ever, nor to other kinds of addresses', async () => {
  const to =
    (target: string): Page =>
    (_request, response) =>
      void response.writeHead(302, { location: target }).end();
  serve('/end', html('<title>End</title>'));
  expect((await preview(serve('/start', to('/end')))).body).toEqual({ 'og:title': 'End' });
  for (const [path, target] of [
    ['/loop', '/loop'],
    ['/away', 'file:///etc/passwd'],
    ['/junk', 'http://'],
  ] as const) {
    const answer = await preview(serve(path, to(target)));
    expect([path, answer.status, answer.body.errcode]).toEqual([path, 404, 'M_NOT_FOUND']);
  }
  const denied = await preview(serve('/denied', to('https://www.denied.example/')));
  expect([denied.status, denied.body.errcode]).toEqual([403, 'M_FORBIDDEN']);
});

it('gives up on what is too large, too slow, broken or not there', async () => {
  const large = serve('/large', html('x'.repeat(200_000)));
  const slow = serve('/slow', (_request, response) => {
    response.writeHead(200).flushHeaders();
  });
  const cut = serve('/cut', (_request, response) => {
    response.writeHead(200, { 'content-length': '100' });
    response.write('x', () => response.destroy());
  });
  const failing = serve('/failing', (_request, response) => void response.writeHead(500).end());
  for (const url of [large, slow, cut, failing, `${origin}/nothing`, 'http://127.0.0.1:1/']) {
    const answer = await preview(url);
    expect([url, answer.status, answer.body.errcode]).toEqual([url, 404, 'M_NOT_FOUND']);
  }
});

it('refuses what is no link, and needs a token', async () => {
  for (const url of ['', 'nonsense', 'ftp://x/', 'javascript:alert(1)', 'http://user:secret@x/', 'http://']) {
    const answer = await preview(url);
    expect([url, answer.status, answer.body.errcode]).toEqual([url, 400, 'M_INVALID_PARAM']);
  }
  const missing = await alice.request('GET', `${AUTHED}/preview_url`);
  expect([missing.status, missing.body.errcode]).toEqual([400, 'M_MISSING_PARAM']);
  for (const base of [AUTHED, LEGACY]) {
    const answer = await server.request('GET', `${base}/preview_url?url=${encodeURIComponent(origin)}`);
    expect([answer.status, answer.body.errcode]).toEqual([401, 'M_MISSING_TOKEN']);
  }
  expect(asked).toEqual([]);
});

it('does not look at private addresses, and does nothing when switched off', async () => {
  await using guarded = await createTestServer({ config: { federation: { allowPrivateAddresses: false } } });
  const bob = await guarded.register('bob');
  for (const url of [
    origin,
    'http://localhost/',
    'http://[::1]/',
    'http://0x7f.1/',
    'http://169.254.169.254/',
  ]) {
    const answer = await bob.request('GET', `${AUTHED}/preview_url?url=${encodeURIComponent(url)}`);
    expect([url, answer.status, answer.body.errcode]).toEqual([url, 403, 'M_FORBIDDEN']);
  }
  expect(asked).toEqual([]);
  await using off = await createTestServer({ config: { media: { previews: { enabled: false } } } });
  const carol = await off.register('carol');
  const answer = await carol.request('GET', `${AUTHED}/preview_url?url=${encodeURIComponent(origin)}`, {
    unchecked: true,
  });
  expect([answer.status, answer.body.errcode]).toEqual([404, 'M_UNRECOGNIZED']);
});
