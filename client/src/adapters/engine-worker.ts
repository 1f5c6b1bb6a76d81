import type {
  EngineArgs,
  EngineClient,
  EngineOp,
  EngineResults,
  FromWorker,
} from '../crypto/engine/protocol.ts';
import type { EngineNotice } from '../crypto/engine/protocol/notices.ts';

/** A call the engine refused, with its stable code. */
export class EngineCallError extends Error {
  override readonly name = 'EngineCallError';
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

type Waiting = { resolve: (value: never) => void; reject: (error: Error) => void };

/** The crypto engine in its worker. Messages are typed by the protocol; answers come back by id. */
export const openWorkerEngine = (): EngineClient => {
  const worker = new Worker(new URL('../workers/crypto.worker.ts', import.meta.url), {
    type: 'module',
    name: 'nyx-crypto',
  });
  const waiting = new Map<number, Waiting>();
  const listeners = new Set<(notice: EngineNotice) => void>();
  let nextId = 1;

  const failAll = (message: string): void => {
    for (const one of waiting.values()) one.reject(new EngineCallError('INTERNAL', message));
    waiting.clear();
  };

  worker.onmessage = (event: MessageEvent<FromWorker>) => {
    const { data } = event;
    if ('notice' in data) {
      for (const listener of listeners) listener(data.notice);
      return;
    }
    const one = waiting.get(data.id);
    waiting.delete(data.id);
    if (data.ok) one?.resolve(data.result as never);
    else one?.reject(new EngineCallError(data.error.code, data.error.message));
  };
  worker.onerror = (event) => failAll(event.message);
  worker.onmessageerror = () => failAll('unreadable answer');

  return {
    call: <Op extends EngineOp>(op: Op, args: EngineArgs<Op>) =>
      new Promise<EngineResults[Op]>((resolve, reject) => {
        const id = nextId;
        nextId += 1;
        waiting.set(id, { resolve: resolve, reject });
        worker.postMessage({ id, op, args });
      }),
    onNotice: (listener) => {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    close: async () => {
      worker.terminate();
      failAll('closed');
    },
  };
};
