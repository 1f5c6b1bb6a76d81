/** What went wrong with a request, as a value: callers decide, nothing is thrown across the API. */
export type ApiError = {
  kind: 'network' | 'timeout' | 'aborted' | 'http' | 'shape';
  /** HTTP status for `http`, else 0. */
  status: number;
  /** Matrix error code (M_FORBIDDEN ...), or '' when the server gave none. */
  code: string;
  message: string;
  /** How long the server asked us to wait, when it did. */
  retryAfterMs: number | undefined;
  /** The parsed error body: interactive authentication and stale-epoch answers carry data in it. */
  body: Readonly<Record<string, unknown>>;
};

export type Ok<T> = { ok: true; value: T };
export type Failure = { ok: false; error: ApiError };
export type Result<T> = Ok<T> | Failure;

export const ok = <T>(value: T): Ok<T> => ({ ok: true, value });

export const fail = (error: Partial<ApiError> & Pick<ApiError, 'kind' | 'message'>): Failure => ({
  ok: false,
  error: { status: 0, code: '', retryAfterMs: undefined, body: {}, ...error },
});

/** Worth trying again later without a person doing anything: the network, rate limits, and a server in trouble. */
export const isTransient = (error: ApiError): boolean =>
  error.kind === 'network' ||
  error.kind === 'timeout' ||
  (error.kind === 'http' && (error.status === 429 || error.status === 408 || error.status >= 500));

/** The session is over: M_UNKNOWN_TOKEN, with `soft_logout` telling whether the device's keys stay. */
export const isSignedOut = (error: ApiError): boolean =>
  error.status === 401 && (error.code === 'M_UNKNOWN_TOKEN' || error.code === 'M_MISSING_TOKEN');
