import Koa from 'koa';
import { DomainError } from '../domain/errors.ts';
import type { Logger } from '../ports/logger.ts';
import type { ClientAddress } from './client-address.ts';
import type { OutageTest } from './errors.ts';
import type { RequestMeter } from './middleware/access-log.ts';
import { accessLog } from './middleware/access-log.ts';
import { cors } from './middleware/cors.ts';
import { handleErrors } from './middleware/handle-errors.ts';
import { requestContext } from './middleware/request-context.ts';
import type { MountDeps } from './mount.ts';
import { mount } from './mount.ts';
import type { Route } from './route.ts';
import type { HttpMiddleware, RequestState } from './state.ts';

export type AppDeps = {
  readonly routes: readonly Route[];
  readonly mount: MountDeps;
  readonly logger: Logger;
  readonly accessLogger: Logger | undefined;
  readonly meter: RequestMeter;
  readonly clientAddress: ClientAddress;
  readonly nextRequestId: () => string;
  /** Milliseconds from any fixed point. */
  readonly monotonic: () => number;
  readonly isOutage: OutageTest;
  /** What answers paths that no route has: the queue page, the web client. In this order. */
  readonly fallbacks: readonly HttpMiddleware[];
};

const notFound: HttpMiddleware = () =>
  Promise.reject(new DomainError('unrecognized', 'Unrecognized request'));

/** The Koa application. This file is the order in which a request is treated; nothing else adds middleware. */
export const createApp = (deps: AppDeps): Koa<RequestState> => {
  const app = new Koa<RequestState>();
  app.use(requestContext(deps.nextRequestId, deps.monotonic, deps.clientAddress));
  app.use(accessLog(deps.accessLogger, deps.meter, deps.monotonic));
  app.use(cors());
  app.use(handleErrors(deps.logger, deps.isOutage));
  app.use(mount(deps.routes, deps.mount));
  for (const fallback of deps.fallbacks) app.use(fallback);
  app.use(notFound);
  // Failures while the answer is being written; the request itself was dealt with by handleErrors.
  app.on('error', (error: unknown) => deps.logger.debug({ err: error }, 'response failed'));
  return app;
};
