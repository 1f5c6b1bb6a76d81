import { once } from 'node:events';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { createServer, request as httpsRequest } from 'node:https';
import type { Server } from 'node:https';
import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { canonicalJson } from '../json/canonical.ts';
import type { JsonObject, JsonValue } from '../json/value.ts';
import type { Signer } from '../signing/keys.ts';
import { SigningKey } from '../signing/keys.ts';
import { publishServerKeys } from '../signing/server-keys.ts';
import { buildXMatrix } from '../signing/x-matrix.ts';
import { parseServerName } from '../spec/identifiers/server-name.ts';
import type { ServerName } from '../spec/identifiers/server-name.ts';
import { TestCertificateAuthority } from './certificates.ts';

/** A request that reached the fake server. */
export type ReceivedRequest = {
  readonly method: string;
  /** Path without query, still percent-encoded. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
};

/** Answers a request: with JSON, or by writing whatever a hostile server would to the raw response. */
export type Responder = (
  request: ReceivedRequest,
  response: ServerResponse,
) => JsonObject | Promise<JsonObject | undefined> | undefined;

/** What to send; every field can be forged. */
export type FakeRequest = {
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly path: string;
  readonly content?: JsonObject;
  /** Sent instead of `content`'s canonical form, which is still what gets signed. */
  readonly rawBody?: string;
  /** The name to sign for and as; its own by default. */
  readonly signer?: Signer;
  /** The destination to sign; the real one by default. */
  readonly destination?: string;
  /** The whole header, or false for none. */
  readonly authorization?: string | false;
};

/** An answer to the fake server. */
export type FakeResponse = { readonly status: number; readonly text: string; readonly json: JsonValue };

type Rule = {
  readonly method: string;
  readonly pattern: RegExp | string;
  readonly respond: Responder;
};

/**
 * A federation server that does what a test tells it: its own TLS certificate, its own keys, scripted answers, and
 * requests signed with whatever the test wants. It answers for its keys and version by itself.
 */
export class FakeServer implements AsyncDisposable {
  /** `127.0.0.1:port`: no DNS, no delegation. */
  readonly name: ServerName;
  readonly signer: Signer;
  readonly authority: TestCertificateAuthority;
  /** Everything received, oldest first. */
  readonly received: ReceivedRequest[] = [];
  /** Told of every answer that it gets: where answers are checked against the specification. */
  observe: ((request: FakeRequest, response: FakeResponse) => void) | undefined;
  readonly #server: Server;
  readonly #rules: Rule[] = [];
  readonly #waiting = new Set<() => void>();

  private constructor(server: Server, port: number, authority: TestCertificateAuthority, seed: Uint8Array) {
    this.#server = server;
    this.authority = authority;
    this.name = parseServerName(`127.0.0.1:${port}`);
    this.signer = { server: this.name, key: SigningKey.fromSeed('fake', seed) };
    server.on('request', (request, response) => void this.#serve(request, response));
    this.on('GET', '/_matrix/key/v2/server', () => publishServerKeys(this.signer, Date.now() + 86_400_000));
    this.on('GET', '/_matrix/federation/v1/version', () => ({ server: { name: 'Fake', version: '1' } }));
  }

  /**
   * Starts one on a free port of the loopback interface.
   *
   * @param authority signs its certificate: the server under test must trust it
   */
  static async start(
    authority = new TestCertificateAuthority(),
    seed: Uint8Array = randomBytes(32),
  ): Promise<FakeServer> {
    const server = createServer(authority.issue(['127.0.0.1', 'localhost']));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new FakeServer(server, (server.address() as AddressInfo).port, authority, seed);
  }

  /** Answers matching requests from now on; the rule added last wins. */
  on(method: 'GET' | 'POST' | 'PUT', pattern: RegExp | string, respond: Responder): this {
    this.#rules.unshift({ method, pattern, respond });
    return this;
  }

  /** Sends a request to a server at `127.0.0.1` or any host, trusting the same authority. */
  async send(to: string, request: FakeRequest): Promise<FakeResponse> {
    const content = request.content === undefined ? undefined : canonicalJson(request.content);
    const body = request.rawBody ?? content;
    const signed = buildXMatrix(request.signer ?? this.signer, {
      method: request.method,
      uri: request.path,
      destination: request.destination ?? to,
      content,
    });
    const authorization = request.authorization === false ? undefined : (request.authorization ?? signed);
    const { hostname, port } = new URL(`https://${to}`);
    const outgoing = httpsRequest({
      hostname: hostname.replace(/^\[|\]$/g, ''),
      port: port === '' ? 8448 : Number(port),
      method: request.method,
      path: request.path,
      ca: this.authority.cert,
      agent: false,
      headers: {
        host: to,
        ...(authorization === undefined ? {} : { authorization }),
        ...(body === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
      },
    });
    outgoing.end(body);
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    const text = await readText(response);
    const answer = { status: response.statusCode ?? 0, text, json: parseOrNull(text) };
    this.observe?.(request, answer);
    return answer;
  }

  /** Sends a transaction. */
  async sendTransaction(
    to: string,
    content: { readonly pdus?: readonly JsonObject[]; readonly edus?: readonly JsonObject[] },
    txnId = randomBytes(8).toString('hex'),
  ): Promise<FakeResponse> {
    return this.send(to, {
      method: 'PUT',
      path: `/_matrix/federation/v1/send/${txnId}`,
      content: {
        origin: this.name,
        origin_server_ts: Date.now(),
        pdus: content.pdus ?? [],
        ...(content.edus === undefined ? {} : { edus: content.edus }),
      },
    });
  }

  /** Waits until something it received meets the condition. */
  async until(condition: (request: ReceivedRequest) => boolean): Promise<ReceivedRequest> {
    for (;;) {
      const found = this.received.find(condition);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readText(request);
    const url = new URL(request.url ?? '/', 'https://fake');
    const received: ReceivedRequest = {
      method: request.method ?? '',
      path: url.pathname,
      query: url.searchParams,
      headers: request.headers,
      body,
    };
    this.received.push(received);
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
    const rule = this.#rules.find(
      ({ method, pattern }) =>
        method === received.method &&
        (typeof pattern === 'string' ? pattern === received.path : pattern.test(received.path)),
    );
    if (rule === undefined) response.statusCode = 404;
    const answer = rule
      ? await rule.respond(received, response)
      : { errcode: 'M_UNRECOGNIZED', error: 'not scripted' };
    if (answer === undefined || response.writableEnded) return;
    if (!response.headersSent) response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(answer));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

async function readText(stream: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function parseOrNull(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return null;
  }
}
