import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { request } from 'undici';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { TestServer } from '../../src/testing/create-test-server.ts';
import { createTestServer } from '../../src/testing/create-test-server.ts';

let server: TestServer;
const client = mkdtempSync(join(tmpdir(), 'nyx-client-'));

beforeAll(async () => {
  mkdirSync(join(client, 'assets'));
  writeFileSync(join(client, 'index.html'), '<!doctype html><title>Nyx</title>');
  writeFileSync(join(client, 'assets', 'app-1a2b.js'), 'export {};');
  server = await createTestServer({
    config: {
      server: {
        webClient: { enabled: true, path: client },
        admin: { token: 'operator-token' },
        publicUrl: 'https://matrix.example.org',
        delegate: 'matrix.example.org:443',
        support: { contacts: [{ email: 'help@example.org' }] },
      },
      rateLimits: { enabled: true, login: { perSecond: 0.01, burst: 2 } },
    },
  });
});
afterAll(async () => {
  await server.close();
  rmSync(client, { recursive: true });
});

const operator = { headers: { authorization: 'Bearer operator-token' } };

it('is healthy and ready', async () => {
  expect((await server.request('GET', '/health')).body).toEqual({ status: 'ok' });
  expect((await server.request('GET', '/ready')).body).toMatchObject({
    status: 'ready',
    mongo: true,
    redis: true,
  });
});

it('shows metrics to the operator alone', async () => {
  expect((await server.request('GET', '/metrics')).status).toBe(401);
  const { body: text } = await server.request('GET', '/metrics', operator);
  for (const name of [
    'nyx_http_request_seconds_bucket',
    'nyx_mongo_up 1',
    'nyx_redis_up 1',
    'nyx_queue_depth{queue="default"}',
    'nyx_stream_mark',
    'nodejs_eventloop_lag_seconds',
  ]) {
    expect(text).toContain(name);
  }
});

it('shows the queues to the operator alone', async () => {
  const page = '/_nyx/admin/queues';
  const refused = await server.request('GET', page);
  expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([
    401,
    expect.stringContaining('Basic'),
  ]);
  expect((await server.request('GET', page, operator)).body).toContain('<html');
  const basic = `Basic ${Buffer.from('admin:operator-token').toString('base64')}`;
  const api = await server.request('GET', `${page}/api/queues`, { headers: { authorization: basic } });
  expect((api.body.queues as { name: string }[]).map(({ name }) => name)).toContain('federation');
});

it('says where it is', async () => {
  const wellKnown = async (name: string) => (await server.request('GET', `/.well-known/matrix/${name}`)).body;
  expect(await wellKnown('client')).toEqual({ 'm.homeserver': { base_url: 'https://matrix.example.org' } });
  expect(await wellKnown('server')).toEqual({ 'm.server': 'matrix.example.org:443' });
  expect(await wellKnown('support')).toEqual({
    contacts: [{ role: 'm.role.admin', email_address: 'help@example.org' }],
  });
  const { versions } = (await server.request('GET', '/_matrix/client/versions')).body;
  expect(versions).toContain('v1.19');
});

it('serves the web client with its policy, and nothing outside its folder', async () => {
  const page = await server.request('GET', '/');
  expect(page.body).toContain('<title>Nyx');
  expect(page.headers.get('content-security-policy')).toContain("script-src 'self' 'wasm-unsafe-eval'");
  expect(page.headers.get('content-security-policy')).toContain("worker-src 'self'");
  expect((await server.request('GET', '/room/!a:b')).body).toContain('<title>Nyx');
  const asset = await server.request('GET', '/assets/app-1a2b.js');
  expect([asset.headers.get('content-type'), asset.headers.get('cache-control')]).toEqual([
    expect.stringContaining('text/javascript'),
    expect.stringContaining('immutable'),
  ]);
  // Not by fetch, which asks for a fresh copy whenever a request is conditional.
  const cached = await request(`${server.url}/`, {
    headers: { 'if-none-match': page.headers.get('etag') ?? '' },
  });
  expect(cached.statusCode).toBe(304);
  for (const path of ['/assets/none.js', '/..%2f..%2fetc%2fpasswd.txt', '/%00.txt', '/_matrix/none']) {
    expect([path, (await server.request('GET', path)).status]).toEqual([path, 404]);
  }
});

it('limits attempts to log in, and says how long', async () => {
  const attempt = () =>
    server.request('POST', '/_matrix/client/v3/login', {
      body: { type: 'm.login.password', identifier: { type: 'm.id.user', user: 'nobody' }, password: 'x' },
    });
  const answers = [await attempt(), await attempt(), await attempt()];
  expect(answers.map(({ status }) => status)).toEqual([403, 403, 429]);
  const limited = answers[2];
  expect(limited?.body.errcode).toBe('M_LIMIT_EXCEEDED');
  expect(Number(limited?.headers.get('retry-after'))).toBeGreaterThan(0);
});

it('serves of a process only what its roles ask for', async () => {
  await using worker = await createTestServer({ config: { server: { roles: ['worker'] } } });
  expect((await worker.request('GET', '/ready')).status).toBe(200);
  expect((await worker.request('GET', '/_matrix/client/versions')).status).toBe(404);
  await using front = await createTestServer({ config: { server: { roles: ['http'] } } });
  const user = await front.register('front');
  expect((await user.request('GET', '/_matrix/client/v3/sync')).status).toBe(404);
});
