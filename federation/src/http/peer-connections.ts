import { LRUCache } from 'lru-cache';
import type { Dispatcher } from 'undici';
import { Pool } from 'undici';
import type { ConnectionRules } from './connector.ts';
import { checkLiteral, guardedConnector } from './connector.ts';
import { MAX_CONNECTIONS_PER_SERVER, MAX_OPEN_POOLS } from './limits.ts';
import type { Route, Target } from './resolve.ts';
import { formatHost } from './server-address.ts';

/** One request as it goes over the wire. */
export type WireRequest = {
  readonly method: 'DELETE' | 'GET' | 'POST' | 'PUT';
  /** Path and query, percent-encoded. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal: AbortSignal;
  /** Longest silence before the headers, and within the body. */
  readonly idleTimeoutMs: number;
};

/** Failures before a byte of the request was sent, after which the next target may be tried. */
const NOT_CONNECTED = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'ADDRESS_DENIED',
  'UNREACHABLE',
]);

/** Keep-alive connections to other servers: a pool per target and certificate name, the least used closed first. */
export class PeerConnections implements AsyncDisposable {
  readonly #rules: ConnectionRules;
  readonly #pools: LRUCache<string, Pool>;

  constructor(rules: ConnectionRules) {
    this.#rules = rules;
    this.#pools = new LRUCache<string, Pool>({
      max: MAX_OPEN_POOLS,
      // Requests under way are answered before a pool that fell out of the cache goes.
      dispose: (pool) => void pool.close().catch(() => undefined),
    });
  }

  /** Sends a request to the first target that takes the connection. Throws what undici or the guard throws. */
  async send(route: Route, request: WireRequest): Promise<Dispatcher.ResponseData> {
    let last: unknown = new Error('the server has no targets');
    for (const target of route.targets) {
      try {
        return await this.#pool(target, route.tlsName).request({
          method: request.method,
          path: request.path,
          headers: { ...request.headers, host: route.hostHeader },
          body: request.body ?? null,
          signal: request.signal,
          headersTimeout: request.idleTimeoutMs,
          bodyTimeout: request.idleTimeoutMs,
        });
      } catch (error) {
        last = error;
        if (!isConnectFailure(error) || request.signal.aborted) throw error;
      }
    }
    throw last;
  }

  #pool(target: Target, tlsName: string): Pool {
    checkLiteral(this.#rules, target.host);
    const key = `${target.host} ${target.port} ${tlsName}`;
    const known = this.#pools.get(key);
    if (known !== undefined) return known;
    const pool = new Pool(`https://${formatHost(target.host, target.port)}`, {
      connect: guardedConnector(this.#rules, tlsName),
      connections: MAX_CONNECTIONS_PER_SERVER,
      keepAliveTimeout: 30_000,
    });
    this.#pools.set(key, pool);
    return pool;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const pools = [...this.#pools.values()];
    await Promise.all(pools.map((pool) => pool.destroy()));
    this.#pools.clear();
  }
}

function isConnectFailure(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.some(isConnectFailure);
  return (
    typeof error === 'object' && error !== null && 'code' in error && NOT_CONNECTED.has(String(error.code))
  );
}
