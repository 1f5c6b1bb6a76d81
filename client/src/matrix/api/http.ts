import * as z from 'zod/mini';
import { fail, ok } from './result.ts';
import type { Result } from './result.ts';

export type HttpRequest = {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  url: string;
  headers: Record<string, string>;
  body?: string | Blob;
  timeoutMs: number;
  /** `error` refuses to be sent elsewhere. */
  redirect?: 'error' | 'follow';
  signal?: AbortSignal;
  /** Fraction sent, 0..1; only for uploads. */
  onProgress?: (fraction: number) => void;
};

export type HttpResponse = {
  status: number;
  /** Header value by lower-case name. */
  header: (name: string) => string | undefined;
  body: Blob;
};

/** Why no response came. */
export class HttpFailure extends Error {
  override readonly name = 'HttpFailure';
  readonly kind: 'network' | 'timeout' | 'aborted';

  constructor(kind: 'network' | 'timeout' | 'aborted', message: string) {
    super(message);
    this.kind = kind;
  }
}

/** Sends one request; rejects with HttpFailure only when no response came. */
export interface HttpPort {
  send(request: HttpRequest): Promise<HttpResponse>;
}

export type Query = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

export type CallOptions = {
  query?: Query;
  body?: unknown;
  timeoutMs?: number;
  signal?: AbortSignal;
};

/** One homeserver and, once signed in, one token. `token` is read at each call: a refresh takes effect at once. */
export type Api = {
  readonly base: string;
  readonly http: HttpPort;
  readonly token: () => string | undefined;
};

const defaultTimeoutMs = 30_000;
/** Nothing a client endpoint answers is larger; /sync of a huge account is the largest. */
const maxResponseBytes = 64 * 1024 * 1024;

const errorBody = z.looseObject({
  errcode: z.optional(z.string()),
  error: z.optional(z.string()),
  retry_after_ms: z.optional(z.number()),
});

/** `/rooms/{}/send/{}` with each `{}` filled and percent-encoded. */
export const path = (strings: TemplateStringsArray, ...values: string[]): string =>
  strings.reduce((all, part, index) => all + encodeURIComponent(values[index - 1] ?? '') + part);

const queryString = (query: Query | undefined): string => {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(query ?? {})) {
    if (value === undefined) continue;
    if (typeof value === 'object') for (const one of value) params.append(key, one);
    else params.append(key, String(value));
  }
  const text = params.toString();
  return text === '' ? '' : `?${text}`;
};

export const urlOf = (api: Api, route: string, query?: Query): string =>
  `${api.base}${route}${queryString(query)}`;

export const authHeaders = (api: Api): Record<string, string> => {
  const token = api.token();
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
};

const retryAfter = (header: string | undefined, bodyMs: number | undefined): number | undefined => {
  const seconds = header === undefined ? Number.NaN : Number(header);
  if (Number.isFinite(seconds) && seconds >= 0) return seconds * 1000;
  return bodyMs;
};

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
};

/** Turns a non-2xx response into an error value; the body may be anything, and often is on a broken proxy. */
export const httpError = async (response: HttpResponse): Promise<Result<never>> => {
  const parsed = errorBody.safeParse(parseJson(await response.body.slice(0, 65_536).text()));
  const body = parsed.success ? parsed.data : {};
  return fail({
    kind: 'http',
    status: response.status,
    code: parsed.success ? (parsed.data.errcode ?? '') : '',
    message: parsed.success ? (parsed.data.error ?? '') : '',
    retryAfterMs: retryAfter(
      response.header('retry-after'),
      parsed.success ? parsed.data.retry_after_ms : undefined,
    ),
    body,
  });
};

/** Sends, and turns "no response" into an error value. */
export const send = async (api: Api, request: HttpRequest): Promise<Result<HttpResponse>> => {
  try {
    return ok(await api.http.send(request));
  } catch (error) {
    if (error instanceof HttpFailure) return fail({ kind: error.kind, message: error.message });
    throw error;
  }
};

/** Calls a client endpoint and parses its answer with `schema`. Never throws for anything the server does. */
export const call = async <T>(
  api: Api,
  schema: z.ZodMiniType<T>,
  method: HttpRequest['method'],
  route: string,
  options: CallOptions = {},
): Promise<Result<T>> => {
  const request: HttpRequest = {
    method,
    url: urlOf(api, route, options.query),
    headers: authHeaders(api),
    timeoutMs: options.timeoutMs ?? defaultTimeoutMs,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  };
  if (options.body !== undefined) {
    request.body = JSON.stringify(options.body);
    request.headers['content-type'] = 'application/json';
  }
  const sent = await send(api, request);
  if (!sent.ok) return sent;
  const response = sent.value;
  if (response.status < 200 || response.status > 299) return httpError(response);
  if (response.body.size > maxResponseBytes) return fail({ kind: 'shape', message: 'response too large' });
  const parsed = schema.safeParse(parseJson(await response.body.text()));
  return parsed.success
    ? ok(parsed.data)
    : fail({ kind: 'shape', status: response.status, message: z.prettifyError(parsed.error) });
};

/** For endpoints that answer `{}`. */
export const empty = z.unknown();
