import type { IncomingMessage } from 'node:http';
import type { JsonObject } from '@nyx/federation/json/value.ts';
import { DomainError } from '../domain/errors.ts';
import type { OutageTest } from '../http/errors.ts';
import { replyFor, toDomainError } from '../http/errors.ts';
import type { RequestMeter } from '../http/middleware/access-log.ts';
import { checkRequester } from '../http/middleware/authenticate.ts';
import { validate } from '../http/middleware/validate.ts';
import type { Route } from '../http/route.ts';
import type { Requester } from '../ports/authenticator.ts';
import type { Logger } from '../ports/logger.ts';
import type { RateLimiter } from '../ports/rate-limiter.ts';
import { FRAME_OVERHEAD_BYTES } from './limits.ts';

/** A request over a socket: an operation of the HTTP API with its parts. */
export type OperationCall = {
  readonly operation: string;
  readonly params: JsonObject;
  readonly body: JsonObject;
  /** Calls of one lane run one after another. */
  readonly lane?: string;
};

export type Caller = {
  readonly requester: Requester;
  readonly ip: string;
  readonly upgrade: IncomingMessage;
  readonly signal: AbortSignal;
};

export type OperationsDeps = {
  readonly routes: readonly Route[];
  readonly rateLimiter: RateLimiter;
  readonly meter: RequestMeter;
  readonly logger: Logger;
  readonly accessLogger: Logger | undefined;
  readonly nextRequestId: () => string;
  readonly monotonic: () => number;
  readonly isOutage: OutageTest;
  /** Bytes of a body whose route does not say. */
  readonly maxBody: number;
};

export type OperationOutcome =
  | { readonly ok: true; readonly body: unknown }
  | { readonly ok: false; readonly error: Readonly<Record<string, unknown>> };

/** How sockets show in metrics, where HTTP requests have their method. */
const METHOD = 'SOCKET';

/** Runs the HTTP API's own operations for sockets: the same checks, limits, schemas, errors and measurements. */
export class SocketOperations {
  readonly #deps: OperationsDeps;
  readonly #routes: ReadonlyMap<string, Route>;

  constructor(deps: OperationsDeps) {
    this.#deps = deps;
    this.#routes = new Map(deps.routes.map((route) => [route.operation, route]));
  }

  /** @param bytes length of the frame. */
  async run(call: OperationCall, caller: Caller, bytes: number): Promise<OperationOutcome> {
    const { meter, monotonic, accessLogger, nextRequestId } = this.#deps;
    const start = monotonic();
    const id = nextRequestId();
    const outcome = await this.#attempt(id, call, caller, bytes);
    const milliseconds = monotonic() - start;
    meter.observe(call.operation, METHOD, outcome.status, milliseconds / 1_000);
    accessLogger?.info(
      {
        id,
        method: METHOD,
        operation: call.operation,
        status: outcome.status,
        ms: Math.round(milliseconds * 100) / 100,
        ip: caller.ip,
        requester: caller.requester.userId,
      },
      'request',
    );
    return outcome.status === 200
      ? { ok: true, body: outcome.body }
      : { ok: false, error: { status: outcome.status, ...outcome.error } };
  }

  /** What a client is told of something thrown: status and the body of the HTTP API's error. */
  describe(error: unknown): { readonly status: number; readonly error: Readonly<Record<string, unknown>> } {
    const { status, body } = replyFor(toDomainError(error, this.#deps.isOutage));
    return { status, error: body };
  }

  async #attempt(
    id: string,
    call: OperationCall,
    caller: Caller,
    bytes: number,
  ): Promise<{ status: number; body?: unknown; error?: Readonly<Record<string, unknown>> }> {
    try {
      const reply = await this.#call(id, call, caller, bytes);
      return { status: 200, body: reply.body ?? {} };
    } catch (error) {
      const told = this.describe(error);
      if (told.status >= 500 && !caller.signal.aborted) {
        this.#deps.logger.error({ id, operation: call.operation, err: error }, 'request failed');
      }
      return told;
    }
  }

  async #call(id: string, call: OperationCall, caller: Caller, bytes: number) {
    const { rateLimiter, maxBody, logger } = this.#deps;
    const route = this.#routes.get(call.operation);
    if (route === undefined) throw new DomainError('unrecognized', 'Unrecognized request');
    if (bytes > (route.bodyLimit ?? maxBody) + FRAME_OVERHEAD_BYTES) {
      throw new DomainError('too_large', 'The frame is too large for this request');
    }
    const { requester, upgrade, ip, signal } = caller;
    checkRequester(requester, route);
    if (route.limit !== 'none') await rateLimiter.consume(route.limit, requester.userId);
    return route.handler({
      params: validate(route.params, call.params, 'params'),
      query: validate(route.query, {}, 'query'),
      body: validate(route.bodySchema, call.body, 'body'),
      requester,
      request: {
        id,
        method: METHOD,
        url: upgrade.url ?? '/',
        headers: upgrade.headers,
        ip,
        baseUrl: '',
        rawBody: Buffer.alloc(0),
        stream: upgrade,
        signal,
        log: logger.child({ id }),
      },
    });
  }
}
