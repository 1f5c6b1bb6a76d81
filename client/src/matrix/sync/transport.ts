import { ok } from '../api/result.ts';
import type { Result } from '../api/result.ts';
import type { SyncResponse } from '../api/sync.ts';
import { backoffMs } from './loop.ts';
import type { SyncLoopPorts } from './loop.ts';
import { SyncSocket } from './socket.ts';
import type { SyncSocketPorts } from './socket.ts';

export type TransportPorts = {
  /** One `/sync`. */
  poll: SyncLoopPorts['fetch'];
  /** Whether the server says that it has the socket; undefined when it could not be asked. */
  hasSocket: () => Promise<boolean | undefined>;
  socket: SyncSocketPorts;
  /** Milliseconds since the epoch. */
  now: () => number;
};

/** How long a connection must have held before its end is no failure. */
const settledMs = 60_000;
const shortestPollMs = 1_000;

/**
 * Where news come from: the socket while there is one, `/sync` otherwise. Both understand the same tokens, so it changes
 * over between any two answers, and what is asked for next is what the caller has stored.
 */
export class SyncTransport {
  readonly #ports: TransportPorts;
  #socket: SyncSocket | undefined;
  /** Token of the newest delta that the socket has handed out: asking from there acknowledges it. */
  #delivered: string | undefined;
  #openedAt = 0;
  #failures = 0;
  #notBefore = 0;
  #has: boolean | undefined;

  constructor(ports: TransportPorts) {
    this.#ports = ports;
  }

  readonly fetch = async (
    since: string | undefined,
    waitMs: number,
    signal: AbortSignal,
  ): Promise<Result<SyncResponse>> => {
    // Without time to wait the question is whether the server is there: `/sync` answers that.
    if (waitMs === 0) {
      this.#drop();
      return this.#ports.poll(since, 0, signal);
    }
    const socket = await this.#open(since);
    if (socket === undefined) return this.#ports.poll(since, this.#pollFor(waitMs), signal);
    const stop = (): void => socket.close();
    signal.addEventListener('abort', stop, { once: true });
    const delta = await socket.next();
    signal.removeEventListener('abort', stop);
    if (delta !== undefined) {
      this.#delivered = delta.next_batch;
      return ok(delta);
    }
    this.#ended(socket);
    // The same question over the other way: it finds out what is wrong, and loses nothing.
    return this.#ports.poll(since, 0, signal);
  };

  /** The network or the screen came back. */
  wake(): void {
    this.#notBefore = 0;
    this.#socket?.ping();
  }

  /** The network went: the connection cannot know, and would look alive for a minute. */
  drop(): void {
    this.#socket?.close();
  }

  async #open(since: string | undefined): Promise<SyncSocket | undefined> {
    const { now, hasSocket, socket: ports } = this.#ports;
    if (this.#socket !== undefined) {
      if (since !== undefined && since === this.#delivered) {
        this.#socket.acknowledge(since);
        return this.#socket;
      }
      // What it brought was not stored: begin again from what is.
      this.#drop();
    }
    if (now() < this.#notBefore) return undefined;
    this.#has ??= await hasSocket();
    if (this.#has !== true) return undefined;
    this.#openedAt = now();
    this.#socket = new SyncSocket(ports, since);
    return this.#socket;
  }

  /** A poll ends when the socket may be tried again. */
  #pollFor(waitMs: number): number {
    const until = this.#notBefore - this.#ports.now();
    return this.#has === true ? Math.min(waitMs, Math.max(shortestPollMs, until)) : waitMs;
  }

  #drop(): void {
    this.#socket?.close();
    this.#socket = undefined;
    this.#delivered = undefined;
  }

  #ended(socket: SyncSocket): void {
    const { now, socket: ports } = this.#ports;
    const held = socket.ready && now() - this.#openedAt >= settledMs;
    this.#failures = held ? 0 : this.#failures + 1;
    const end = socket.end ?? { kind: 'again', afterMs: undefined };
    if (end.kind === 'never') this.#has = false;
    const wait = end.kind === 'again' ? end.afterMs : undefined;
    this.#notBefore = now() + (wait ?? backoffMs(Math.max(1, this.#failures), ports.random()));
    this.#drop();
  }
}
