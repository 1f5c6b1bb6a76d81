import { RpcError, rpcMessageSchema, type RpcMessage } from './messages.ts';

export type PeerOptions = {
  /** Sends a message; false when it cannot be sent now. */
  readonly send: (message: RpcMessage) => boolean;
  /** Answers a call of the other side; throws `RpcError` to refuse it with a code. */
  readonly handle: (method: string, params: unknown) => unknown;
  /** Calls of ours that may wait for an answer at once. */
  readonly maxWaiting: number;
  /** Calls of the other side that may be under way at once; more are refused. */
  readonly maxServing: number;
  /** The other side broke the protocol; what is said next is not to be trusted. */
  readonly onViolation: (reason: string) => void;
};

type Waiting = { readonly resolve: (value: unknown) => void; readonly reject: (error: Error) => void };

const MAX_ERROR_TEXT = 1_000;

const textOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error)).slice(0, MAX_ERROR_TEXT);

/** One side of a JSON-RPC conversation, over whatever carries the messages. */
export class RpcPeer {
  readonly #options: PeerOptions;
  readonly #waiting = new Map<number, Waiting>();
  /** Calls that were given up: their late answer is no violation. Bounded by the calls made in a time-out's time. */
  readonly #abandoned = new Set<number>();
  #serving = 0;
  #nextId = 1;
  #closed: string | undefined;

  constructor(options: PeerOptions) {
    this.#options = options;
  }

  /** Calls of ours that wait for an answer, given-up ones included: the other side still works on those. */
  get outstanding(): number {
    return this.#waiting.size + this.#abandoned.size;
  }

  /** Calls the other side. Throws `RpcError` with code `closed`, `busy`, `timeout` or the other side's own. */
  call(method: string, params: unknown, timeoutMs: number): Promise<unknown> {
    if (this.#closed !== undefined) return Promise.reject(new RpcError('closed', this.#closed));
    if (this.outstanding >= this.#options.maxWaiting)
      return Promise.reject(new RpcError('busy', 'too many calls are under way'));
    const id = this.#nextId++;
    if (!this.#options.send({ jsonrpc: '2.0', id, method, params }))
      return Promise.reject(new RpcError('busy', 'the other side does not read its messages'));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        this.#abandoned.add(id);
        reject(new RpcError('timeout', `${method} took longer than ${timeoutMs} ms`));
      }, timeoutMs);
      this.#waiting.set(id, {
        resolve: (value) => {
          clearTimeout(timer);
          resolve(value);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      });
    });
  }

  /** Tells the other side something without waiting for an answer. */
  notify(method: string, params: unknown): void {
    if (this.#closed === undefined) this.#options.send({ jsonrpc: '2.0', method, params });
  }

  /** Takes a message in that the other side sent, as text. */
  receive(text: string): void {
    if (this.#closed !== undefined) return;
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch {
      this.#options.onViolation('a message that is no JSON');
      return;
    }
    const message = rpcMessageSchema.safeParse(json);
    if (!message.success) {
      this.#options.onViolation('a message that is no JSON-RPC');
      return;
    }
    if ('method' in message.data) this.#serve(message.data);
    else this.#settle(message.data);
  }

  /** Ends the conversation: everything that waits fails with `closed`. */
  close(reason: string): void {
    if (this.#closed !== undefined) return;
    this.#closed = reason;
    for (const { reject } of this.#waiting.values()) reject(new RpcError('closed', reason));
    this.#waiting.clear();
    this.#abandoned.clear();
  }

  #settle(message: Exclude<RpcMessage, { method: string }>): void {
    const waiting = this.#waiting.get(message.id);
    if (waiting === undefined) {
      if (!this.#abandoned.delete(message.id))
        this.#options.onViolation('an answer to a call that was not made');
      return;
    }
    this.#waiting.delete(message.id);
    if ('error' in message) waiting.reject(new RpcError(message.error.code, message.error.message));
    else waiting.resolve(message.result);
  }

  #serve({ id, method, params }: Extract<RpcMessage, { method: string }>): void {
    if (this.#serving >= this.#options.maxServing) {
      if (id !== undefined) this.#refuse(id, new RpcError('busy', 'too many calls are under way'));
      return;
    }
    this.#serving += 1;
    const answer = async (): Promise<void> => {
      try {
        const result = (await this.#options.handle(method, params)) ?? null;
        if (id !== undefined && this.#closed === undefined)
          this.#options.send({ jsonrpc: '2.0', id, result });
      } catch (error) {
        if (id !== undefined) this.#refuse(id, error);
      } finally {
        this.#serving -= 1;
      }
    };
    void answer();
  }

  #refuse(id: number, error: unknown): void {
    if (this.#closed !== undefined) return;
    const code = error instanceof RpcError ? error.code : 'failed';
    this.#options.send({ jsonrpc: '2.0', id, error: { code, message: textOf(error) } });
  }
}
