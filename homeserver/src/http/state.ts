import type { ParameterizedContext } from 'koa';
import type { Peer } from './route.ts';
import type { Requester } from '../ports/authenticator.ts';

/** What the middlewares learn about a request, in the order in which they run. */
export type RequestState = {
  requestId: string;
  /** Milliseconds, monotonic. */
  startedAt: number;
  ip: string;
  /** The matched route's operation; `unmatched` until then. */
  operation: string;
  /** What the log shows instead of the path, when the path must not be logged. */
  loggedPath: string | undefined;
  rawBody: Buffer;
  requester: Requester | Peer | undefined;
  /** Code of the error that was answered, for the log. */
  errorCode: string | undefined;
  /** What was thrown, when it was not expected. */
  failure: unknown;
};

export type HttpContext = ParameterizedContext<RequestState>;

export type HttpMiddleware = (context: HttpContext, next: () => Promise<void>) => Promise<void>;

/** Who made the request, in a form fit for logs and rate limits: a user id, a server name or undefined. */
export const requesterName = (requester: Requester | Peer | undefined): string | undefined => {
  if (requester === undefined) return undefined;
  return 'userId' in requester ? requester.userId : requester.origin;
};
