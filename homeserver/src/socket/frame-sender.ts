import type { WebSocket } from 'ws';

/** Longer frames go in pieces of this many bytes, so that it shows whether the client takes them. */
const PIECE_BYTES = 64 * 1_024;

/**
 * Writes frames to a socket one after another and knows how much lies unsent, and since when nothing moved. Whoever
 * makes large frames waits for `drained` first.
 */
export class FrameSender {
  readonly #socket: WebSocket;
  readonly #monotonic: () => number;
  readonly #waiters = new Set<{ readonly below: number; readonly wake: () => void }>();
  readonly #queue: Buffer[] = [];
  #unsent = 0;
  #isWriting = false;
  #movedAt: number;
  #sentAt: number;

  constructor(socket: WebSocket, monotonic: () => number) {
    this.#socket = socket;
    this.#monotonic = monotonic;
    this.#movedAt = monotonic();
    this.#sentAt = this.#movedAt;
  }

  /** When a frame was last given to it. */
  get sentAt(): number {
    return this.#sentAt;
  }

  /** How long the client has taken nothing although something lies here; 0 when nothing does. */
  get stalledMs(): number {
    return this.#unsent === 0 ? 0 : this.#monotonic() - this.#movedAt;
  }

  send(frame: object): void {
    const data = Buffer.from(JSON.stringify(frame));
    this.#sentAt = this.#monotonic();
    if (this.#unsent === 0) this.#movedAt = this.#sentAt;
    this.#unsent += data.length;
    this.#queue.push(data);
    if (!this.#isWriting) void this.#write();
  }

  /** Resolves when fewer than `below` bytes lie unsent, or the signal aborts. */
  async drained(below: number, signal: AbortSignal): Promise<void> {
    if (this.#unsent < below || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        this.#waiters.delete(waiter);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      const waiter = { below, wake };
      this.#waiters.add(waiter);
      signal.addEventListener('abort', wake, { once: true });
    });
  }

  async #write(): Promise<void> {
    this.#isWriting = true;
    for (let data = this.#queue.shift(); data !== undefined; data = this.#queue.shift()) {
      for (let at = 0; at < data.length; at += PIECE_BYTES) {
        const piece = data.subarray(at, at + PIECE_BYTES);
        await this.#piece(piece, at + PIECE_BYTES >= data.length);
        this.#unsent -= piece.length;
        this.#movedAt = this.#monotonic();
      }
      for (const waiter of [...this.#waiters]) if (this.#unsent < waiter.below) waiter.wake();
    }
    this.#isWriting = false;
  }

  #piece(piece: Buffer, isLast: boolean): Promise<void> {
    // A socket that closes meanwhile calls back with an error: what is left is discarded in the same way.
    return new Promise((resolve) => {
      this.#socket.send(piece, { binary: false, fin: isLast }, () => resolve());
    });
  }
}
