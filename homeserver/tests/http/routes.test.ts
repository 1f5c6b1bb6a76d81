import type { AddressInfo, Server } from 'node:net';
import { connect } from 'node:net';
import { createServer } from 'node:http';
import { Readable } from 'node:stream';
import { Secret } from '@nyx/config/secret.ts';
import { roomIdSchema } from '@nyx/federation/spec/identifiers/schemas.ts';
import mongoose from 'mongoose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { DomainError } from '../../src/domain/errors.ts';
import { createApp } from '../../src/http/app.ts';
import type { Route } from '../../src/http/route.ts';
import { RawBody, defineRoute } from '../../src/http/route.ts';
import { createLogger } from '../../src/observability/logger.ts';
import { isDatabaseOutage } from '../../src/storage/mongo/outage.ts';

const TOKEN = 'syt_the_token_that_no_log_may_hold';
const lines: string[] = [];
const seen: unknown[] = [];
const aborted: unknown[] = [];

const none = { auth: 'none', limit: 'none' } as const;

const routes: Route[] = [
  defineRoute({
    ...none,
    operation: 'sendIt',
    method: 'PUT',
    paths: [
      '/_matrix/client/v3/rooms/{roomId}/send/{type}',
      '/_matrix/client/v3/rooms/{roomId}/send/{type}/{key}',
    ],
    params: z.object({ roomId: roomIdSchema, type: z.string(), key: z.string().default('') }),
    bodySchema: z.object({ n: z.int(), list: z.array(z.object({ s: z.string() })).optional() }),
    handler: ({ params, body }) => ({ body: { params, body } }),
  }),
  defineRoute({
    ...none,
    operation: 'get',
    method: 'GET',
    paths: ['/_matrix/client/v3/get'],
    query: z.object({ q: z.string() }),
    handler: ({ query, request }) => ({ body: { q: query.q, base: request.baseUrl, ip: request.ip } }),
  }),
  defineRoute({
    ...none,
    operation: 'fail',
    method: 'GET',
    paths: ['/_matrix/client/v3/fail/{how}'],
    params: z.object({ how: z.string() }),
    handler: ({ params }) => {
      if (params.how === 'limit')
        throw new DomainError('limit_exceeded', 'slow down', { retryAfterMs: 1_500 });
      if (params.how === 'outage')
        throw new mongoose.mongo.MongoServerSelectionError('no server', {} as never);
      throw new Error('the text of a failure with a password');
    },
  }),
  defineRoute({
    ...none,
    operation: 'whoami',
    method: 'GET',
    auth: 'access_token',
    paths: ['/_matrix/client/v3/whoami'],
    handler: ({ requester }) => ({ body: requester }),
  }),
  defineRoute({
    ...none,
    operation: 'stream',
    method: 'GET',
    paths: ['/_matrix/media/v3/stream'],
    handler: () => ({
      status: 201,
      body: new RawBody(Readable.from(['a', 'b']), 'text/plain'),
      headers: { 'x-own': '1' },
    }),
  }),
  defineRoute({
    ...none,
    operation: 'wait',
    method: 'GET',
    paths: ['/_matrix/client/v3/wait'],
    handler: async ({ request }) => {
      seen.push('waiting');
      await new Promise((resolve) => request.signal.addEventListener('abort', resolve, { once: true }));
      aborted.push(request.signal.reason);
      return {};
    },
  }),
];

let server: Server;
let url: string;
beforeAll(async () => {
  let count = 0;
  const logger = createLogger('debug', { write: (line) => void lines.push(line) });
  const app = createApp({
    routes,
    mount: {
      authenticator: {
        authenticate: async (token) => {
          if (token !== TOKEN) throw new DomainError('unknown_token', 'Unknown access token');
          const flags = { isAdmin: false, isGuest: false, isSuspended: false, isLocked: false };
          return { userId: '@a:b', deviceId: 'D', sessionId: 's', ...flags };
        },
      },
      federationAuthenticator: undefined,
      operatorToken: new Secret('operator'),
      rateLimiter: { consume: async () => undefined },
      logger,
      maxBody: 1_000,
      stopping: new AbortController().signal,
      isSecure: () => false,
    },
    logger,
    accessLogger: logger,
    meter: { observe: () => undefined },
    clientAddress: (peer) => peer ?? '',
    nextRequestId: () => `r${(count += 1)}`,
    monotonic: () => performance.now(),
    isOutage: isDatabaseOutage,
    fallbacks: [],
  });
  const handle = app.callback();
  const http = createServer((request, response) => void handle(request, response));
  server = http;
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
});
afterAll(() => void server.close());

const call = async (
  method: string,
  path: string,
  body?: string | Uint8Array,
  headers: Record<string, string> = {},
) => {
  const response = await fetch(url + path, {
    method,
    headers,
    ...(body === undefined ? {} : { body: Buffer.from(body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: text.startsWith('{') ? JSON.parse(text) : text,
  };
};

const errorOf = async (...request: Parameters<typeof call>): Promise<[number, string]> => {
  const { status, body } = await call(...request);
  return [status, body.errcode as string];
};

const SEND = '/_matrix/client/v3/rooms/!r:x/send/t';

describe('finding the route', () => {
  it('decodes ids, and knows an encoded slash from a real one', async () => {
    const { body } = await call(
      'PUT',
      '/_matrix/client/v3/rooms/%21r%2F%C3%A9%3Ax/send/m.room%2Fmessage/k%25',
      '{"n":1}',
    );
    expect(body.params).toEqual({ roomId: '!r/é:x', type: 'm.room/message', key: 'k%' });
  });

  it('takes a trailing slash as none', async () => {
    expect((await call('PUT', `${SEND}/`, '{"n":1}')).body.params.key).toBe('');
    expect((await call('GET', '/_matrix/client/v3/get/?q=1')).status).toBe(200);
  });

  it('tells an unknown path from a wrong method', async () => {
    expect(await errorOf('GET', '/_matrix/client/v3/nothing')).toEqual([404, 'M_UNRECOGNIZED']);
    expect(await errorOf('GET', '/_matrix/client/v3/GET?q=1')).toEqual([404, 'M_UNRECOGNIZED']);
    const wrong = await call('POST', SEND, '{}');
    expect([wrong.status, wrong.body.errcode, wrong.headers.get('allow')]).toEqual([
      405,
      'M_UNRECOGNIZED',
      'PUT',
    ]);
  });

  it('refuses an id that is none, and bad percent-encoding', async () => {
    expect(await errorOf('PUT', '/_matrix/client/v3/rooms/r/send/t', '{"n":1}')).toEqual([
      400,
      'M_INVALID_PARAM',
    ]);
    expect(await errorOf('PUT', '/_matrix/client/v3/rooms/%zz/send/t', '{"n":1}')).toEqual([
      400,
      'M_INVALID_PARAM',
    ]);
  });
});

describe('reading the body', () => {
  it.each([
    ['nothing', '', [400, 'M_MISSING_PARAM']],
    ['no JSON', '{', [400, 'M_NOT_JSON']],
    ['bytes that are no UTF-8', new Uint8Array([0x22, 0xff, 0x22]), [400, 'M_NOT_JSON']],
    ['a list', '[]', [400, 'M_BAD_JSON']],
    ['a wrong type', '{"n":"1"}', [400, 'M_BAD_JSON']],
    ['a wrong type deep inside', '{"n":1,"list":[{"s":1}]}', [400, 'M_BAD_JSON']],
    ['a missing key', '{"m":1}', [400, 'M_MISSING_PARAM']],
    ['deep nesting', '['.repeat(450) + ']'.repeat(450), [400, 'M_BAD_JSON']],
    ['too much', `{"n":1,"x":"${'x'.repeat(1_000)}"}`, [413, 'M_TOO_LARGE']],
  ])('answers %s in its way', async (_what, body, expected) => {
    expect(await errorOf('PUT', SEND, body)).toEqual(expected);
  });

  it('stops reading a body without a length at the limit', async () => {
    const body = Readable.toWeb(Readable.from(Array.from({ length: 50 }, () => 'x'.repeat(100))));
    const response = await fetch(url + SEND, { method: 'PUT', body, duplex: 'half' });
    expect(response.status).toBe(413);
  });

  it('does not read compressed bodies', async () => {
    expect(await errorOf('PUT', SEND, '{}', { 'content-encoding': 'gzip' })).toEqual([400, 'M_NOT_JSON']);
  });
});

describe('answering', () => {
  it('lets browsers in, on errors and before requests too', async () => {
    for (const path of [
      '/_matrix/client/v3/get?q=1',
      '/_matrix/client/v3/nothing',
      '/_matrix/client/v3/fail/x',
    ]) {
      expect((await call('GET', path)).headers.get('access-control-allow-origin')).toBe('*');
    }
    const preflight = await call('OPTIONS', SEND);
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-methods')).toContain('PUT');
    expect(preflight.headers.get('access-control-allow-headers')).toContain('Authorization');
  });

  it('gives nothing of an unexpected failure away, and tells the log', async () => {
    const { status, body, text } = await call('GET', '/_matrix/client/v3/fail/x');
    expect([status, body]).toEqual([500, { errcode: 'M_UNKNOWN', error: 'Internal server error' }]);
    expect(text).not.toContain('password');
    expect(lines.join('')).toContain('the text of a failure');
  });

  it('says when to come back', async () => {
    const limited = await call('GET', '/_matrix/client/v3/fail/limit');
    expect([limited.status, limited.body.errcode, limited.body.retry_after_ms]).toEqual([
      429,
      'M_LIMIT_EXCEEDED',
      1_500,
    ]);
    expect(limited.headers.get('retry-after')).toBe('2');
    const outage = await call('GET', '/_matrix/client/v3/fail/outage');
    expect([outage.status, outage.body.errcode]).toEqual([503, 'M_UNKNOWN']);
    expect(Number(outage.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  it('streams bytes with their type, and answers HEAD', async () => {
    const answer = await call('GET', '/_matrix/media/v3/stream');
    expect([answer.status, answer.text, answer.headers.get('x-own')]).toEqual([201, 'ab', '1']);
    expect(answer.headers.get('content-type')).toContain('text/plain');
    expect((await call('HEAD', '/_matrix/client/v3/get?q=1')).status).toBe(200);
  });

  it('tells a handler when its client goes away', async () => {
    const { port } = new URL(url);
    const socket = connect(Number(port), '127.0.0.1');
    socket.write(`GET /_matrix/client/v3/wait HTTP/1.1\r\nhost: x\r\n\r\n`);
    await expect.poll(() => seen).toContain('waiting');
    socket.destroy();
    await expect.poll(() => aborted).toHaveLength(1);
  });
});

describe('access tokens', () => {
  it('are taken from the header and the query, and never logged', async () => {
    const whoami = '/_matrix/client/v3/whoami';
    expect((await call('GET', whoami, undefined, { authorization: `Bearer ${TOKEN}` })).body.userId).toBe(
      '@a:b',
    );
    expect((await call('GET', `${whoami}?access_token=${TOKEN}`)).status).toBe(200);
    expect(await errorOf('GET', whoami)).toEqual([401, 'M_MISSING_TOKEN']);
    expect(await errorOf('GET', whoami, undefined, { authorization: 'Bearer nonsense' })).toEqual([
      401,
      'M_UNKNOWN_TOKEN',
    ]);
    expect(lines.join('')).not.toContain(TOKEN);
    const logged = lines
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter(({ msg }) => msg === 'request');
    expect(logged.find(({ operation }) => operation === 'whoami')).toMatchObject({
      status: 200,
      requester: '@a:b',
      path: whoami,
    });
    expect(new Set(logged.map(({ id }) => id)).size).toBe(logged.length);
  });
});
