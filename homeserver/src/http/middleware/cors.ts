import type { HttpMiddleware } from '../state.ts';

/** Spec: Client-Server API, Web Browser Clients. Set before anything can fail, so that errors carry them too. */
const HEADERS = {
  'access-control-allow-origin': '*',
  'access-control-allow-methods': 'GET, POST, PUT, DELETE, HEAD, OPTIONS',
  'access-control-allow-headers': 'X-Requested-With, Content-Type, Authorization, Date',
  'access-control-expose-headers': 'Retry-After, ETag',
} as const;

const PREFLIGHT_MAX_AGE_SECONDS = '86400';

const isApi = (path: string): boolean =>
  path.startsWith('/_matrix/') || path.startsWith('/.well-known/matrix/') || path.startsWith('/_synapse/');

/** Lets web clients of any origin in, and answers their preflight requests. */
export const cors = (): HttpMiddleware => async (context, next) => {
  if (!isApi(context.path)) {
    await next();
    return;
  }
  context.set(HEADERS);
  if (context.method === 'OPTIONS') {
    context.state.operation = 'preflight';
    context.set('access-control-max-age', PREFLIGHT_MAX_AGE_SECONDS);
    context.status = 204;
    return;
  }
  await next();
};
