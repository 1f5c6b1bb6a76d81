import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import type { RateLimitName } from '@nyx/config/schema.ts';
import type { z } from 'zod';
import type { Requester } from '../ports/authenticator.ts';
import type { Logger } from '../ports/logger.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

/**
 * Who may call a route: anybody, the holder of an access token, either, another server by its signature, an
 * administrating user, or whoever runs the server (the admin token of the configuration).
 */
export type AuthKind = 'none' | 'access_token' | 'optional' | 'federation' | 'admin' | 'operator';

/** The server that signed a federation request. */
export type Peer = { readonly origin: string };

export type RequesterOf<A extends AuthKind> = A extends 'access_token' | 'admin'
  ? Requester
  : A extends 'optional'
    ? Requester | undefined
    : A extends 'federation'
      ? Peer
      : undefined;

/** What a handler may know of the HTTP request itself. */
export type IncomingRequest = {
  readonly id: string;
  readonly method: string;
  /** Path and query as sent. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly ip: string;
  /** The address at which the client reached us, e.g. `https://example.org`. */
  readonly baseUrl: string;
  /** Bytes of the body; empty for routes whose body is a stream. */
  readonly rawBody: Buffer;
  /** The unread body of a route with `body: 'stream'`. */
  readonly stream: IncomingMessage;
  /** Aborts when the client goes away before the answer was sent, or the server stops. */
  readonly signal: AbortSignal;
  readonly log: Logger;
};

export type RouteContext<P, Q, B, R> = {
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  readonly requester: R;
  readonly request: IncomingRequest;
};

export type Reply = {
  /** 200 when not given. */
  readonly status?: number;
  /** JSON value, bytes or stream. Without it, the answer is `{}`. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
};

/** What a stream or bytes reply must be wrapped in, so that a JSON object is never mistaken for one. */
export class RawBody {
  readonly content: Readable | Buffer | string;
  readonly contentType: string;

  constructor(content: Readable | Buffer | string, contentType: string) {
    this.content = content;
    this.contentType = contentType;
  }
}

type RouteOptions = {
  /** The spec's operationId, e.g. `sendMessage`; names the route in metrics and logs. */
  readonly operation: string;
  readonly method: Method;
  /** Paths as the spec writes them, `/_matrix/client/v3/rooms/{roomId}/leave`; every version that is served. */
  readonly paths: readonly string[];
  /** Which rate limit applies, by user, by server or by address. */
  readonly limit: RateLimitName | 'none';
  /**
   * `json` (default for POST and PUT): at most `bodyLimit` bytes are read. `raw`: the same, and the handler parses
   * them, because a part that cannot be read must not fail the rest. `stream`: the handler reads it.
   */
  readonly body?: 'none' | 'json' | 'raw' | 'stream';
  /** Bytes; the configured `server.maxBody` when not given. */
  readonly bodyLimit?: number;
  /** A locked user may call it (logging out). */
  readonly allowLocked?: boolean;
  /** Whether a suspended user is refused. True for what acts on others. */
  readonly denySuspended?: boolean;
  /** The path holds something that must not be logged, such as a token: the log shows the path's pattern instead. */
  readonly privatePath?: boolean;
  /** Which role of the process serves it; `http` unless it waits for news. Pages of the operator are always served. */
  readonly role?: 'http' | 'sync';
  /** Whether a guest may call it. */
  readonly allowGuest?: boolean;
};

/** A route as its file declares it. */
export type RouteSpec<
  A extends AuthKind,
  P extends z.ZodType,
  Q extends z.ZodType,
  B extends z.ZodType,
> = RouteOptions & {
  readonly auth: A;
  readonly params?: P;
  readonly query?: Q;
  readonly bodySchema?: B;
  handler(
    context: RouteContext<z.output<P>, z.output<Q>, z.output<B>, RequesterOf<A>>,
  ): Promise<Reply> | Reply;
};

/** A route as `mount` sees it. */
export type Route = RouteOptions & {
  readonly auth: AuthKind;
  readonly params?: z.ZodType;
  readonly query?: z.ZodType;
  readonly bodySchema?: z.ZodType;
  handler(context: RouteContext<unknown, unknown, unknown, unknown>): Promise<Reply> | Reply;
};

type Empty = z.ZodType<Record<string, string>>;

/** Declares a route; the schemas give the handler's context its types. */
export const defineRoute = <
  const A extends AuthKind,
  P extends z.ZodType = Empty,
  Q extends z.ZodType = Empty,
  B extends z.ZodType = z.ZodType,
>(
  spec: RouteSpec<A, P, Q, B>,
): Route => spec;
