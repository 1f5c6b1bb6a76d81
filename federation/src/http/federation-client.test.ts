import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { TestCertificateAuthority } from '../testing/certificates.ts';
import type { FederationError } from './errors.ts';
import { RemoteError } from './errors.ts';
import type { RequestBounds } from './federation-client.ts';
import { FederationClient } from './federation-client.ts';
import { PeerConnections } from './peer-connections.ts';
import { PeerHealth } from './peer-health.ts';
import type { Route } from './resolve.ts';
import { createAddressPolicy } from './ssrf-guard.ts';

const authority = new TestCertificateAuthority();
type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => void;
let handler: Handler = (_request, response) => response.end('{}');
const snis: (string | false | null)[] = [];
const server = createServer(authority.issue(['peer.test', '127.0.0.1']), (request, response) => {
  let body = '';
  request.on('data', (chunk: Buffer) => (body += chunk.toString()));
  request.on('end', () => handler(request, response, body));
});
server.on('secureConnection', (socket) => snis.push(socket.servername));
let port = 0;
const open: PeerConnections[] = [];

beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
});
afterEach(async () => {
  for (const connections of open.splice(0)) await connections[Symbol.asyncDispose]();
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

type Options = {
  route?: Partial<Route>;
  allow?: string[];
  ca?: string[];
  addresses?: Record<string, string[]>;
  bounds?: RequestBounds;
};

function client(options: Options = {}) {
  const clock = { now: 0 };
  const connections = new PeerConnections({
    dns: {
      srv: async () => [],
      addresses: async (host) => (options.addresses ?? { 'peer.test': ['127.0.0.1'] })[host] ?? [],
    },
    policy: createAddressPolicy({ allow: options.allow ?? ['127.0.0.1'] }),
    extraCa: options.ca ?? [authority.cert],
  });
  open.push(connections);
  const health = new PeerHealth(
    () => clock.now,
    () => 0,
  );
  const route = {
    targets: [{ host: 'peer.test', port }],
    hostHeader: 'peer.test',
    tlsName: 'peer.test',
    ...options.route,
  };
  return {
    clock,
    health,
    client: new FederationClient({
      resolve: async () => route,
      connections,
      health,
      sign: ({ method, uri, content }) => `signed ${method} ${uri} ${content ?? '-'}`,
      userAgent: 'Nyx/test',
      ...(options.bounds === undefined ? {} : { bounds: options.bounds }),
    }),
  };
}
const get = {
  destination: 'peer.test',
  method: 'GET',
  path: '/_matrix/x?a=b',
  parse: (text: string): unknown => JSON.parse(text),
} as const;
const failure = async (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error as FederationError,
  );

describe('a request to another server', () => {
  test('goes over TLS with its signature, the Host header and the SNI of the route', async () => {
    let seen: IncomingMessage['headers'] = {};
    let url: string | undefined;
    handler = (request, response, body) => {
      seen = request.headers;
      url = request.url;
      response.end(JSON.stringify({ body }));
    };
    snis.length = 0;
    const content = '{"b":1}';
    const answer = await client({
      route: { hostHeader: 'host.example', tlsName: 'peer.test' },
    }).client.request({ ...get, method: 'PUT', content });
    expect(answer).toEqual({ body: content });
    expect(seen.host).toBe('host.example');
    expect(seen.authorization).toBe(`signed PUT /_matrix/x?a=b ${content}`);
    expect(seen['content-type']).toBe('application/json');
    expect(seen['user-agent']).toBe('Nyx/test');
    expect(url).toBe('/_matrix/x?a=b');
    expect(snis).toEqual(['peer.test']);
  });

  test('carries no signature where none is wanted', async () => {
    let seen: string | undefined = 'nothing seen';
    handler = (request, response) => {
      seen = request.headers.authorization;
      response.end('{}');
    };
    await client().client.request({ ...get, signed: false });
    expect(seen).toBeUndefined();
  });

  test('keeps its connection', async () => {
    const ports = new Set<number | undefined>();
    handler = (request, response) => {
      ports.add(request.socket.remotePort);
      response.end('{}');
    };
    const { client: own } = client();
    for (let index = 0; index < 20; index++) await own.request(get);
    // A request may start before the pool has seen the connection of the one before come free.
    expect(ports.size).toBeLessThanOrEqual(2);
  });

  test('reaches an IP literal, whose certificate must name the address', async () => {
    handler = (_request, response) => response.end('{}');
    const literal = { targets: [{ host: '127.0.0.1', port }], tlsName: '127.0.0.1', hostHeader: '127.0.0.1' };
    snis.length = 0;
    await client({ route: literal }).client.request(get);
    expect(snis).toEqual([false]);
  });

  test('tries the next target where the first takes no connection', async () => {
    handler = (_request, response) => response.end('{"ok":1}');
    const targets = [
      { host: '127.0.0.1', port: 1 },
      { host: 'peer.test', port },
    ];
    expect(await client({ route: { targets } }).client.request(get)).toEqual({ ok: 1 });
  });

  test('is not repeated at the next target once it has been sent', async () => {
    let calls = 0;
    handler = (request) => {
      calls += 1;
      request.socket.destroy();
    };
    const targets = [
      { host: 'peer.test', port },
      { host: '127.0.0.1', port },
    ];
    const sending = client({ route: { targets } }).client.request({ ...get, method: 'PUT', content: '{}' });
    expect((await failure(sending))?.code).toBe('UNREACHABLE');
    expect(calls).toBe(1);
  });
});

describe('what is refused', () => {
  test('a certificate of an unknown authority', async () => {
    const error = await failure(client({ ca: [] }).client.request(get));
    expect(error?.code).toBe('UNREACHABLE');
    expect(error?.message).toMatch(/CERT|SIGNATURE|LEAF|ISSUER/i);
  });

  test('a certificate for another name', async () => {
    const error = await failure(client({ route: { tlsName: 'other.test' } }).client.request(get));
    expect(error?.message).toContain('ERR_TLS_CERT_ALTNAME_INVALID');
  });

  test('an expired certificate', async () => {
    const expired = createServer(authority.issue(['peer.test'], -60_000));
    expired.listen(0, '127.0.0.1');
    await once(expired, 'listening');
    try {
      const targets = [{ host: 'peer.test', port: (expired.address() as AddressInfo).port }];
      const error = await failure(client({ route: { targets } }).client.request(get));
      expect(error?.message).toContain('CERT_HAS_EXPIRED');
    } finally {
      expired.closeAllConnections();
      expired.close();
    }
  });

  test('a name that resolves to a denied address', async () => {
    const error = await failure(client({ allow: [] }).client.request(get));
    expect(error?.code).toBe('ADDRESS_DENIED');
  });

  test('a denied IP literal', async () => {
    const targets = [{ host: '127.0.0.1', port }];
    const error = await failure(
      client({ allow: [], route: { targets, tlsName: '127.0.0.1' } }).client.request(get),
    );
    expect(error?.code).toBe('ADDRESS_DENIED');
  });

  // To the parser of URLs these are 127.0.0.1; to the grammar of server names they are host names.
  test.each(['2130706433', '0x7f000001', '0x7f.1', '127.1', '017700000001'])(
    'a denied address in disguise: %s',
    async (host) => {
      snis.length = 0;
      const route = { targets: [{ host, port }], tlsName: host, hostHeader: host };
      expect((await failure(client({ allow: [], route }).client.request(get)))?.code).toBe('ADDRESS_DENIED');
      const disguised = { targets: [{ host, port }] };
      expect((await failure(client({ allow: [], route: disguised }).client.request(get)))?.code).toBe(
        'ADDRESS_DENIED',
      );
      expect(snis).toEqual([]);
    },
  );

  test('the denied ones among several addresses', async () => {
    handler = (_request, response) => response.end('{}');
    const addresses = { 'peer.test': ['10.0.0.1', '127.0.0.1'] };
    await client({ addresses }).client.request(get);
  });

  test('a body beyond its bound, before it is read to the end', async () => {
    let written = 0;
    handler = (_request, response) => {
      const timer = setInterval(() => {
        if (response.destroyed) clearInterval(timer);
        else written += response.write('x'.repeat(1000)) ? 1000 : 0;
      }, 1);
      response.on('close', () => clearInterval(timer));
    };
    const error = await failure(client().client.request({ ...get, maxBytes: 10_000 }));
    expect(error?.code).toBe('TOO_LARGE');
    expect(written).toBeLessThan(1_000_000);
  });

  test('a body that trickles beyond the deadline', async () => {
    handler = (_request, response) => {
      const timer = setInterval(() => (response.destroyed ? clearInterval(timer) : response.write(' ')), 20);
      response.on('close', () => clearInterval(timer));
    };
    const error = await failure(client().client.request({ ...get, timeoutMs: 200 }));
    expect(error?.code).toBe('TIMEOUT');
  });

  test('silence', async () => {
    handler = () => undefined;
    const error = await failure(client().client.request({ ...get, timeoutMs: 200 }));
    expect(error?.code).toBe('TIMEOUT');
  });

  test('what the operator does not allow, whatever the request asks for', async () => {
    const bounds = { timeoutMs: 200, responseBytes: 1_000 };
    handler = (_request, response) => response.end(JSON.stringify('x'.repeat(2_000)));
    const large = client({ bounds }).client.request({ ...get, maxBytes: 10_000 });
    expect((await failure(large))?.code).toBe('TOO_LARGE');
    handler = () => undefined;
    const silent = client({ bounds }).client.request({ ...get, timeoutMs: 60_000 });
    expect((await failure(silent))?.code).toBe('TIMEOUT');
  });

  test('an answer of another shape', async () => {
    handler = (_request, response) => response.end('<html>');
    expect((await failure(client().client.request(get)))?.code).toBe('BAD_RESPONSE');
  });

  test('redirects', async () => {
    handler = (_request, response) => response.writeHead(302, { location: 'https://10.0.0.1/' }).end();
    expect(await failure(client().client.request(get))).toMatchObject({ code: 'REMOTE_ERROR', status: 302 });
  });
});

describe('errors and backoff', () => {
  test('an error answer keeps status, errcode, body and waiting time', async () => {
    handler = (_request, response) =>
      response
        .writeHead(429, { 'retry-after': '7' })
        .end('{"errcode":"M_LIMIT_EXCEEDED","error":"slow down"}');
    const error = await failure(client().client.request(get));
    expect(error).toBeInstanceOf(RemoteError);
    expect(error).toMatchObject({
      status: 429,
      errcode: 'M_LIMIT_EXCEEDED',
      retryAfterMs: 7000,
      body: { error: 'slow down' },
    });
  });

  test('three server errors in a row open the circuit; a success after the wait closes it', async () => {
    let calls = 0;
    handler = (_request, response) => {
      calls++;
      response.writeHead(502).end('bad gateway');
    };
    const { client: own, clock, health } = client();
    for (let index = 0; index < 3; index++)
      expect(await failure(own.request(get))).toMatchObject({ status: 502 });
    expect((await failure(own.request(get)))?.code).toBe('BACKING_OFF');
    expect(calls).toBe(3);
    expect((await failure(own.request({ ...get, ignoreBackoff: true })))?.code).toBe('REMOTE_ERROR');
    clock.now = health.retryAt('peer.test') ?? 0;
    handler = (_request, response) => response.end('{}');
    await own.request(get);
    expect(health.retryAt('peer.test')).toBeUndefined();
  });

  test('a peer that speaks to us is tried at once', async () => {
    handler = (_request, response) => response.writeHead(500).end();
    const { client: own, health } = client();
    for (let index = 0; index < 3; index++) await failure(own.request(get));
    health.succeeded('peer.test');
    handler = (_request, response) => response.end('{}');
    await own.request(get);
  });

  test('refusals do not count against a peer', async () => {
    handler = (_request, response) => response.writeHead(403).end('{"errcode":"M_FORBIDDEN"}');
    const { client: own } = client();
    for (let index = 0; index < 5; index++)
      expect(await failure(own.request(get))).toMatchObject({ status: 403, errcode: 'M_FORBIDDEN' });
  });

  test('a streamed body reaches its reader in pieces', async () => {
    handler = (_request, response) => response.writeHead(200, { 'content-type': 'image/png' }).end('abc');
    const response = await client().client.stream(get);
    expect(response.headers['content-type']).toBe('image/png');
    let text = '';
    for await (const chunk of response.body) text += Buffer.from(chunk).toString();
    expect(text).toBe('abc');
  });
});
