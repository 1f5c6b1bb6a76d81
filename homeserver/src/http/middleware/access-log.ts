import type { Logger } from '../../ports/logger.ts';
import type { HttpContext, HttpMiddleware } from '../state.ts';
import { requesterName } from '../state.ts';

/** Where finished requests are counted. */
export interface RequestMeter {
  observe(operation: string, method: string, status: number, seconds: number): void;
}

/** The path without its query, which may carry a token. Paths hold ids only. */
const loggedPath = (context: HttpContext): string => context.state.loggedPath ?? context.path.slice(0, 512);

/**
 * One line and one measurement per request, when the answer has been produced. Waiting for the response to be flushed
 * would need a listener per request and tell little more.
 */
export const accessLog =
  (logger: Logger | undefined, meter: RequestMeter, monotonic: () => number): HttpMiddleware =>
  async (context, next) => {
    await next();
    const { state } = context;
    const milliseconds = monotonic() - state.startedAt;
    meter.observe(state.operation, context.method, context.status, milliseconds / 1_000);
    logger?.info(
      {
        id: state.requestId,
        method: context.method,
        path: loggedPath(context),
        operation: state.operation,
        status: context.status,
        ms: Math.round(milliseconds * 100) / 100,
        ip: state.ip,
        requester: requesterName(state.requester),
        code: state.errorCode,
      },
      'request',
    );
  };
