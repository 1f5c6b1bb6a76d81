/** Ranges remembered; what came before counts as foreign, which costs a look and nothing else. */
const MAX_RANGES = 1_000;

/** The stretches of the stream that this process leased for itself, both ends included. */
export class OwnRanges {
  readonly #ranges: { from: number; to: number }[] = [];

  /** Leases come in ascending order. */
  add(from: number, to: number): void {
    const last = this.#ranges.at(-1);
    if (last?.to === from - 1) last.to = to;
    else this.#ranges.push({ from, to });
    if (this.#ranges.length > MAX_RANGES) this.#ranges.shift();
  }

  /** Whether nobody else can have written in (after, upTo]. */
  cover(after: number, upTo: number): boolean {
    if (upTo <= after) return true;
    const range = this.#ranges.findLast(({ from }) => from <= upTo);
    return range !== undefined && range.from <= after + 1 && range.to >= upTo;
  }
}
