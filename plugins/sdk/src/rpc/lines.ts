const LINE_BREAK = 0x0a;

/**
 * Cuts a stream of bytes into lines of at most `maxBytes`. A line that grows longer is reported once through
 * `tooLong`, and nothing is delivered from then on: where the next message would begin is not known.
 */
export class LineReader {
  readonly #maxBytes: number;
  readonly #line: (text: string) => void;
  readonly #tooLong: () => void;
  #parts: Uint8Array[] = [];
  #bytes = 0;
  #isBroken = false;

  constructor(maxBytes: number, line: (text: string) => void, tooLong: () => void) {
    this.#maxBytes = maxBytes;
    this.#line = line;
    this.#tooLong = tooLong;
  }

  /** Takes bytes in. What is kept of an unfinished line is bounded by `maxBytes`. */
  push(chunk: Uint8Array): void {
    let start = 0;
    while (!this.#isBroken && start < chunk.length) {
      const end = chunk.indexOf(LINE_BREAK, start);
      const part = chunk.subarray(start, end === -1 ? chunk.length : end);
      this.#bytes += part.length;
      if (this.#bytes > this.#maxBytes) {
        this.#isBroken = true;
        this.#parts = [];
        this.#tooLong();
        return;
      }
      this.#parts.push(part);
      if (end === -1) return;
      const text = new TextDecoder().decode(this.#join());
      this.#parts = [];
      this.#bytes = 0;
      start = end + 1;
      this.#line(text);
    }
  }

  #join(): Uint8Array {
    const [only] = this.#parts;
    if (only !== undefined && this.#parts.length === 1) return only;
    const whole = new Uint8Array(this.#bytes);
    let at = 0;
    for (const part of this.#parts) {
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  }
}
