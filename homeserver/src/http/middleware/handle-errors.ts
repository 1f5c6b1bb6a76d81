import type { Logger } from '../../ports/logger.ts';
import type { OutageTest } from '../errors.ts';
import { replyFor, toDomainError } from '../errors.ts';
import type { HttpMiddleware } from '../state.ts';

/** Turns everything that was thrown into a Matrix error answer, and logs what was not expected. */
export const handleErrors =
  (logger: Logger, isOutage: OutageTest): HttpMiddleware =>
  async (context, next) => {
    try {
      await next();
    } catch (error) {
      const known = toDomainError(error, isOutage);
      const reply = replyFor(known);
      const { state } = context;
      state.errorCode = known.code;
      // A client that went away while it was sending is nobody's failure.
      if (reply.status >= 500 && !context.res.destroyed) {
        state.failure = error;
        logger.error({ id: state.requestId, operation: state.operation, err: error }, 'request failed');
      }
      context.status = reply.status;
      context.set(reply.headers);
      context.type = 'application/json';
      context.body = JSON.stringify(reply.body);
    }
  };
