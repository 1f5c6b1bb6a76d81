import { z } from 'zod';
import { readBounded } from './bounded-body.ts';
import { asFederationError, FederationError, RemoteError } from './errors.ts';
import { MAX_RESPONSE_BYTES } from './limits.ts';
import type { PeerConnections } from './peer-connections.ts';
import type { PeerHealth } from './peer-health.ts';
import type { Route } from './resolve.ts';
import { singleHeaders } from './well-known-fetch.ts';

/** What a signature over a request covers (Server-Server API, "Request Authentication"). */
export type RequestToSign = {
  readonly method: string;
  /** Path and query as sent. */
  readonly uri: string;
  readonly destination: string;
  /** The body in canonical JSON, or undefined without one. */
  readonly content: string | undefined;
};

/** Makes the value of the Authorization header. */
export type SignRequest = (request: RequestToSign) => string;

/** One call of another server's API. */
export type FederationRequest<T> = {
  /** The server name, as users write it. */
  readonly destination: string;
  readonly method: 'DELETE' | 'GET' | 'POST' | 'PUT';
  /** Path and query, percent-encoded. */
  readonly path: string;
  /** The body as canonical JSON, which is both signed and sent. */
  readonly content?: string;
  /** Parses the body's text; throws when it is not what the operation answers. */
  readonly parse: (body: string) => T;
  /** Whether the request is signed; keys and versions are open to everybody. Default true. */
  readonly signed?: boolean;
  /** For the whole exchange. Default 30 s. */
  readonly timeoutMs?: number;
  readonly maxBytes?: number;
  /** Ask although the peer failed a moment ago: for what a person waits for. */
  readonly ignoreBackoff?: boolean;
};

/** What an operator allows any request, whatever it asks for. */
export type RequestBounds = {
  /** For a whole exchange, in milliseconds. */
  readonly timeoutMs: number;
  /** Of the body of an answer that is read at once; streams are bounded by who reads them. */
  readonly responseBytes: number;
};

/** What the client is made of. */
export interface FederationClientPorts {
  readonly resolve: (serverName: string) => Promise<Route>;
  readonly connections: PeerConnections;
  readonly health: PeerHealth;
  readonly sign: SignRequest;
  readonly userAgent: string;
  readonly bounds?: RequestBounds;
}

/** An answer whose body is still to be read. The caller must read or destroy it. */
export type StreamedResponse = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: AsyncIterable<Uint8Array>;
};

const errorSchema = z.looseObject({
  errcode: z.string().exactOptional(),
  retry_after_ms: z.number().nonnegative().exactOptional(),
});
const MAX_ERROR_BYTES = 65_536;
const DEFAULT_TIMEOUT_MS = 30_000;

/** Calls other servers: discovery, signature, bounds, backoff. Errors are {@link FederationError}s. */
export class FederationClient {
  readonly #ports: FederationClientPorts;

  constructor(ports: FederationClientPorts) {
    this.#ports = ports;
  }

  /** Sends a request and reads its answer. */
  async request<T>(request: FederationRequest<T>): Promise<T> {
    const { destination } = request;
    return this.#guarded(request, async (signal) => {
      const response = await this.#send(request, signal);
      if (response.status !== 200) throw await remoteError(destination, response);
      const maxBytes = Math.min(
        request.maxBytes ?? Infinity,
        this.#ports.bounds?.responseBytes ?? MAX_RESPONSE_BYTES,
      );
      const text = (await readBounded(response.body, maxBytes, destination)).toString();
      try {
        return request.parse(text);
      } catch (error) {
        throw new FederationError('BAD_RESPONSE', destination, `unexpected answer to ${request.path}`, {
          cause: error,
        });
      }
    });
  }

  /** Sends a request and hands out the body as a stream: media. The timeout covers the body too. */
  async stream(request: Omit<FederationRequest<never>, 'parse'>): Promise<StreamedResponse> {
    return this.#guarded(request, async (signal) => {
      const response = await this.#send(request, signal);
      if (response.status >= 400) throw await remoteError(request.destination, response);
      return response;
    });
  }

  #timeout({ timeoutMs = DEFAULT_TIMEOUT_MS }: { readonly timeoutMs?: number }): number {
    return Math.min(timeoutMs, this.#ports.bounds?.timeoutMs ?? Infinity);
  }

  async #guarded<T>(
    request: Omit<FederationRequest<never>, 'parse'>,
    run: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { health } = this.#ports;
    const { destination } = request;
    if (request.ignoreBackoff !== true) health.enter(destination);
    try {
      const result = await run(AbortSignal.timeout(this.#timeout(request)));
      health.succeeded(destination);
      return result;
    } catch (thrown) {
      const error = asFederationError(thrown, destination);
      health.failed(destination, error);
      throw error;
    }
  }

  async #send(
    request: Omit<FederationRequest<never>, 'parse'>,
    signal: AbortSignal,
  ): Promise<StreamedResponse> {
    const { destination, method, path, content } = request;
    const route = await this.#ports.resolve(destination);
    const authorization = this.#ports.sign({ method, uri: path, destination, content });
    const response = await this.#ports.connections.send(route, {
      method,
      path,
      headers: {
        accept: 'application/json',
        'user-agent': this.#ports.userAgent,
        ...(request.signed === false ? {} : { authorization }),
        ...(content === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(content === undefined ? {} : { body: content }),
      signal,
      idleTimeoutMs: this.#timeout(request),
    });
    return {
      status: response.statusCode,
      headers: singleHeaders(response.headers),
      body: response.body,
    };
  }
}

async function remoteError(destination: string, response: StreamedResponse): Promise<RemoteError> {
  const { status, headers } = response;
  const seconds = Number(headers['retry-after']);
  const header = Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : undefined;
  let body: unknown;
  try {
    body = JSON.parse((await readBounded(response.body, MAX_ERROR_BYTES, destination)).toString());
  } catch {
    // A proxy's error page says nothing more than its status does.
    return new RemoteError(destination, { status, retryAfterMs: header });
  }
  const parsed = errorSchema.safeParse(body);
  if (!parsed.success) return new RemoteError(destination, { status, retryAfterMs: header, body });
  const { errcode, retry_after_ms: retryAfterMs } = parsed.data;
  return new RemoteError(destination, { status, errcode, retryAfterMs: retryAfterMs ?? header, body });
}
