import Router from '@koa/router';
import { Readable } from 'node:stream';
import { DomainError } from '../domain/errors.ts';
import type { Logger } from '../ports/logger.ts';
import type { RateLimiter } from '../ports/rate-limiter.ts';
import type { AuthenticateDeps } from './middleware/authenticate.ts';
import { authenticate } from './middleware/authenticate.ts';
import { limitRate } from './middleware/limit-rate.ts';
import { readBody } from './middleware/read-body.ts';
import { validate } from './middleware/validate.ts';
import { parseJsonBody } from './parse-json.ts';
import type { IncomingRequest, Reply, Route } from './route.ts';
import { RawBody } from './route.ts';
import type { HttpContext, HttpMiddleware } from './state.ts';

export type MountDeps = AuthenticateDeps & {
  readonly rateLimiter: RateLimiter;
  readonly logger: Logger;
  /** Bytes. */
  readonly maxBody: number;
  /** Aborts when the server stops. */
  readonly stopping: AbortSignal;
  /** Whether the request came in over TLS, its own or a trusted proxy's. */
  readonly isSecure: (context: HttpContext) => boolean;
};

const PARAMETER = /\{([A-Za-z]+)\}/g;

const toRouterPath = (path: string): string => path.replaceAll(PARAMETER, ':$1');

const segmentCount = (path: string): number => path.split('/').length;

/** One trailing slash is as good as none: `…/state/{type}/` is the event with an empty state key. */
const withoutTrailingSlash = (path: string): string =>
  path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;

const incomingRequest = (context: HttpContext, deps: MountDeps): IncomingRequest => {
  let signal: AbortSignal | undefined;
  let log: Logger | undefined;
  return {
    id: context.state.requestId,
    method: context.method,
    url: context.req.url ?? '/',
    headers: context.req.headers,
    ip: context.state.ip,
    get baseUrl() {
      return `${deps.isSecure(context) ? 'https' : 'http'}://${context.req.headers.host ?? 'localhost'}`;
    },
    rawBody: context.state.rawBody,
    stream: context.req,
    // Both are made on demand: few handlers need them, and every request pays for what is made here.
    get signal() {
      if (signal === undefined) {
        const gone = new AbortController();
        context.res.once('close', () => gone.abort());
        if (context.res.destroyed) gone.abort();
        signal = AbortSignal.any([gone.signal, deps.stopping]);
      }
      return signal;
    },
    get log() {
      log ??= deps.logger.child({ id: context.state.requestId });
      return log;
    },
  };
};

const sendReply = (context: HttpContext, reply: Reply): void => {
  context.status = reply.status ?? 200;
  if (reply.headers !== undefined) context.set(reply.headers);
  const { body } = reply;
  if (body instanceof RawBody) {
    context.type = body.contentType;
    context.body = body.content;
    if (body.content instanceof Readable) context.req.once('close', () => undefined);
    return;
  }
  context.type = 'application/json';
  context.body = body === undefined ? '{}' : JSON.stringify(body);
};

/** Runs a matched route: body, authentication, rate limit, schemas, handler, always in this order. */
const runRoute = async (
  context: HttpContext,
  route: Route,
  rawParams: Readonly<Record<string, string>>,
  deps: MountDeps,
): Promise<void> => {
  const { state } = context;
  state.operation = route.operation;
  if (route.privatePath === true) state.loggedPath = route.paths[0];
  const bodyKind = route.body ?? (route.method === 'GET' ? 'none' : 'json');
  if (bodyKind === 'json' || bodyKind === 'raw')
    state.rawBody = await readBody(context.req, route.bodyLimit ?? deps.maxBody);
  state.requester = await authenticate(context, route, deps);
  await limitRate(state, route, deps.rateLimiter);
  const params = validate(route.params, rawParams, 'params');
  const query = validate(route.query, route.query === undefined ? {} : { ...context.query }, 'query');
  const body =
    bodyKind === 'json' ? validate(route.bodySchema, parseJsonBody(state.rawBody), 'body') : undefined;
  const reply = await route.handler({
    params,
    query,
    body,
    requester: state.requester,
    request: incomingRequest(context, deps),
  });
  sendReply(context, reply);
};

/**
 * Turns routes into @koa/router layers. The layers are kept by number of path segments, so that a request is compared
 * with a few dozen patterns instead of several hundred. A known path with the wrong method is 405, an unknown one is
 * left to whatever comes next.
 */
export const mount = (routes: readonly Route[], deps: MountDeps): HttpMiddleware => {
  const routers = new Map<number, Router>();
  const routeOf = new Map<unknown, Route>();
  for (const route of routes) {
    for (const path of route.paths) {
      const trimmed = withoutTrailingSlash(path);
      const count = segmentCount(trimmed);
      const router = routers.get(count) ?? new Router({ sensitive: true, strict: true });
      routers.set(count, router);
      const layer = router.register(toRouterPath(trimmed), [route.method], () => undefined);
      routeOf.set(layer, route);
    }
  }

  return async (context, next) => {
    const path = withoutTrailingSlash(context.path);
    const matched = routers.get(segmentCount(path))?.match(path, context.method);
    // The first declared wins, so literal paths are declared before patterns.
    const layer = matched?.pathAndMethod[0];
    const route = layer === undefined ? undefined : routeOf.get(layer);
    if (layer !== undefined && route !== undefined) {
      await runRoute(context, route, layer.params(path, layer.captures(path)), deps);
      return;
    }
    const allowed = new Set(matched?.path.flatMap((other) => other.methods) ?? []);
    if (allowed.size === 0) {
      await next();
      return;
    }
    context.set('allow', [...allowed].join(', '));
    throw new DomainError('method_not_allowed', 'Unrecognized request: wrong method');
  };
};
