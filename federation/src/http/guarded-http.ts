import { LRUCache } from 'lru-cache';
import { Pool } from 'undici';
import { readBounded } from './bounded-body.ts';
import type { ConnectionRules } from './connector.ts';
import { checkLiteral, guardedConnector } from './connector.ts';
import { asFederationError, FederationError } from './errors.ts';
import { MAX_CONNECTIONS_PER_SERVER } from './limits.ts';
import { singleHeaders } from './well-known-fetch.ts';

/** A request to an address that somebody else chose: a push gateway, a linked page, the place media moved to. */
export type GuardedRequest = {
  readonly url: URL;
  readonly method: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** For the whole exchange, body included. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
};

/** The head of an answer, and its bytes, which must be read or given up (`return`). */
export type GuardedResponse = {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: AsyncIterable<Uint8Array> & { destroy(): unknown };
};

/** Origins to which connections are kept open at a time. */
const MAX_ORIGINS = 100;

/**
 * HTTP to addresses that others chose, behind the address policy: every connection goes to an address that was
 * checked. Redirects are answered as they are; who follows one asks again, so that it is checked again.
 */
export class GuardedHttp implements AsyncDisposable {
  readonly #rules: ConnectionRules;
  readonly #pools = new LRUCache<string, Pool>({
    max: MAX_ORIGINS,
    // Requests under way are answered before a pool that fell out of the cache goes.
    dispose: (pool) => void pool.close().catch(() => undefined),
  });

  constructor(rules: ConnectionRules) {
    this.#rules = rules;
  }

  /** Throws FederationError: ADDRESS_DENIED, UNREACHABLE, TIMEOUT. */
  async open(request: GuardedRequest): Promise<GuardedResponse> {
    const { url, method, headers = {}, body = null, timeoutMs, signal } = request;
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      const response = await this.#pool(url).request({
        method,
        path: `${url.pathname}${url.search}`,
        headers,
        body,
        signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal]),
        headersTimeout: timeoutMs,
        bodyTimeout: timeoutMs,
      });
      // Who gives up the body half-way makes it fail with nobody listening any more.
      response.body.on('error', () => undefined);
      return {
        status: response.statusCode,
        headers: singleHeaders(response.headers),
        body: response.body,
      };
    } catch (error) {
      throw asFederationError(error, url.host);
    }
  }

  /** The same, with the body read. Throws TOO_LARGE besides. */
  async fetch(
    request: GuardedRequest,
    maxBytes: number,
  ): Promise<Omit<GuardedResponse, 'body'> & { readonly body: Buffer }> {
    const { body, ...head } = await this.open(request);
    try {
      return { ...head, body: await readBounded(body, maxBytes, request.url.host) };
    } catch (error) {
      throw asFederationError(error, request.url.host);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const pools = [...this.#pools.values()];
    await Promise.all(pools.map((pool) => pool.destroy()));
    this.#pools.clear();
  }

  #pool(url: URL): Pool {
    const { origin, protocol, host } = url;
    if (protocol !== 'https:' && protocol !== 'http:')
      throw new FederationError('UNREACHABLE', host, 'neither http nor https');
    const name = url.hostname.replace(/^\[|\]$/g, '');
    checkLiteral(this.#rules, name);
    const known = this.#pools.get(origin);
    if (known !== undefined) return known;
    const pool = new Pool(origin, {
      connect: guardedConnector(this.#rules, name),
      connections: MAX_CONNECTIONS_PER_SERVER,
    });
    this.#pools.set(origin, pool);
    return pool;
  }
}
