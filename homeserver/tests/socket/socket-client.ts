import { WebSocket } from 'ws';
import type { TestServer, TestUser } from '../../src/testing/create-test-server.ts';

// Tests look into frames freely; what does not fit fails them.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Frame = { readonly type: string } & Record<string, any>;

export type Closed = { readonly code: number; readonly reason: string };

/** A client at the socket that remembers every frame until it is asked for. */
export class SocketClient implements AsyncDisposable {
  readonly socket: WebSocket;
  readonly closed: Promise<Closed>;
  readonly #frames: Frame[] = [];
  readonly #waiting = new Set<() => void>();
  #end: Closed | undefined;
  #ids = 0;

  constructor(url: string, headers: Record<string, string> = {}) {
    this.socket = new WebSocket(
      `${url.replace('http', 'ws')}/_matrix/client/unstable/chat.nyx.socket`,
      'chat.nyx.socket.v1',
      { headers, rejectUnauthorized: false },
    );
    this.socket.on('error', () => undefined);
    this.socket.on('message', (data) => {
      this.#frames.push(JSON.parse((data as Buffer).toString()) as Frame);
      this.#wake();
    });
    this.closed = new Promise((resolve) => {
      this.socket.on('close', (code, reason) => {
        this.#end = { code, reason: reason.toString() };
        this.#wake();
        resolve(this.#end);
      });
    });
  }

  /** Connected and known; nothing more. */
  static async open(server: TestServer, user: TestUser): Promise<SocketClient> {
    const client = new SocketClient(server.url);
    await client.opened();
    client.send({ type: 'auth', access_token: user.token });
    await client.next('ready');
    return client;
  }

  async opened(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.socket.once('open', resolve);
      this.socket.once('error', reject);
    });
  }

  send(frame: object): void {
    this.socket.send(JSON.stringify(frame));
  }

  /** Sends a request and waits for what is answered to it: `reply`, `error`, `pong` or `ready`. */
  async ask(frame: object): Promise<Frame> {
    const id = (this.#ids += 1);
    this.send({ ...frame, id });
    return this.nextWhere((answer) => answer.id === id);
  }

  /** The oldest frame of that type that nobody has taken; waits for it. */
  next(type: string): Promise<Frame> {
    return this.nextWhere((frame) => frame.type === type);
  }

  async nextWhere(fits: (frame: Frame) => boolean): Promise<Frame> {
    for (;;) {
      const index = this.#frames.findIndex(fits);
      const [frame] = index < 0 ? [] : this.#frames.splice(index, 1);
      if (frame !== undefined) return frame;
      if (this.#end !== undefined) throw new Error(`closed: ${JSON.stringify(this.#end)}`);
      await new Promise<void>((resolve) => void this.#waiting.add(resolve));
    }
  }

  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }

  /** The next delta, acknowledged. */
  async delta(): Promise<Frame['body']> {
    const { body } = await this.next('sync');
    this.send({ type: 'ack', next_batch: body.next_batch });
    return body;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.close();
    await this.closed;
  }
}
