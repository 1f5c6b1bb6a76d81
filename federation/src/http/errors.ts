/** Why a request to another server failed; `code` is stable. */
export type FederationErrorCode =
  /** The peer is known to be down and it is too early to try again. */
  | 'BACKING_OFF'
  /** The name is not a server name. */
  | 'BAD_SERVER_NAME'
  /** Every address of the host is on the deny-list. */
  | 'ADDRESS_DENIED'
  /** DNS, TCP or TLS failed. */
  | 'UNREACHABLE'
  /** No complete answer in time. */
  | 'TIMEOUT'
  /** The answer exceeds its bound. */
  | 'TOO_LARGE'
  /** Not JSON, or not of the expected shape. */
  | 'BAD_RESPONSE'
  /** The peer answered with an error status. */
  | 'REMOTE_ERROR';

/** A failed request to another server. The message names the server and the reason, never content or keys. */
export class FederationError extends Error {
  readonly code: FederationErrorCode;
  readonly destination: string;

  constructor(code: FederationErrorCode, destination: string, message: string, options?: ErrorOptions) {
    super(`${destination}: ${message}`, options);
    this.name = 'FederationError';
    this.code = code;
    this.destination = destination;
  }
}

/** The peer answered with an error status. */
export class RemoteError extends FederationError {
  readonly status: number;
  /** `errcode` of the body, when it was a standard error response. */
  readonly errcode: string | undefined;
  /** Milliseconds the peer asked us to wait, from `Retry-After` or `retry_after_ms`. */
  readonly retryAfterMs: number | undefined;
  /** The parsed body, when it was JSON: some errors carry data (M_INCOMPATIBLE_ROOM_VERSION). */
  readonly body: unknown;

  constructor(
    destination: string,
    answer: {
      status: number;
      errcode?: string | undefined;
      retryAfterMs?: number | undefined;
      body?: unknown;
    },
  ) {
    super('REMOTE_ERROR', destination, `status ${answer.status} ${answer.errcode ?? ''}`.trim());
    this.name = 'RemoteError';
    this.status = answer.status;
    this.errcode = answer.errcode;
    this.retryAfterMs = answer.retryAfterMs;
    this.body = answer.body;
  }
}

/** Turns anything thrown by DNS, sockets or undici into one of ours. */
export function asFederationError(error: unknown, destination: string): FederationError {
  if (error instanceof FederationError) return error;
  const code = errorCode(error);
  const reason = error instanceof Error ? error.message : String(error);
  const timedOut =
    (error instanceof Error && error.name === 'TimeoutError') ||
    (code !== undefined && (code === 'ETIMEDOUT' || code.endsWith('_TIMEOUT')));
  return new FederationError(timedOut ? 'TIMEOUT' : 'UNREACHABLE', destination, code ?? reason, {
    cause: error,
  });
}

function errorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
