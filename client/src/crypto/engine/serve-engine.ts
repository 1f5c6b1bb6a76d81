/** The worker's end of the message protocol: parses what arrives, answers each call, passes notices on. */
import { EngineError } from './engine-error.ts';
import {
  engineArgs,
  toWorkerSchema,
  type EngineClient,
  type FromWorker,
  type EngineArgs,
  type EngineOp,
} from './protocol.ts';
import type { EngineFailure } from './protocol/errors.ts';

/** Connects an engine to a port. Returns what takes the port's messages in. */
export function serveEngine(
  engine: EngineClient,
  post: (message: FromWorker) => void,
): (message: unknown) => void {
  engine.onNotice((notice) => post({ notice }));
  return (message) => {
    const parsed = toWorkerSchema.safeParse(message);
    // Without an id there is nobody to answer.
    if (!parsed.success) return;
    const { id, op, args } = parsed.data;
    answerCall(engine, op, args).then(
      (result) => post({ id, ok: true, result }),
      (error: unknown) => post({ id, ok: false, error: failureOf(error) }),
    );
  };
}

function answerCall(engine: EngineClient, op: EngineOp, args: unknown) {
  const checked = engineArgs[op].safeParse(args);
  if (!checked.success)
    return Promise.reject(new EngineError('BAD_MESSAGE', checked.error.issues[0]?.message ?? op));
  // Parsed by the very schema of `op`; the engine parses it again, which costs little and trusts nobody.
  return engine.call(op, args as EngineArgs<EngineOp>);
}

/** What the other side is told about an error: a code, and never more than our own messages. */
export function failureOf(error: unknown): EngineFailure {
  return error instanceof EngineError
    ? { code: error.code, message: error.message }
    : { code: 'INTERNAL', message: 'unexpected' };
}
