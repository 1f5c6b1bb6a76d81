import type { ClientAddress } from '../client-address.ts';
import type { HttpMiddleware } from '../state.ts';

const EMPTY = Buffer.alloc(0);

/** Gives the request its id, its start time and its client's address. First of all. */
export const requestContext =
  (nextId: () => string, monotonic: () => number, address: ClientAddress): HttpMiddleware =>
  async (context, next) => {
    const forwarded = context.req.headers['x-forwarded-for'];
    context.state = {
      requestId: nextId(),
      startedAt: monotonic(),
      ip: address(
        context.req.socket.remoteAddress,
        Array.isArray(forwarded) ? forwarded.join(',') : forwarded,
      ),
      operation: 'unmatched',
      loggedPath: undefined,
      rawBody: EMPTY,
      requester: undefined,
      errorCode: undefined,
      failure: undefined,
    };
    await next();
  };
