const WINDOW_MS = 1_000;

/** So much in every second, and no more. */
export class Allowance {
  readonly #perSecond: number;
  readonly #monotonic: () => number;
  #since = 0;
  #taken = 0;

  constructor(perSecond: number, monotonic: () => number) {
    this.#perSecond = perSecond;
    this.#monotonic = monotonic;
    this.#since = monotonic();
  }

  get isSpent(): boolean {
    return this.#taken > this.#perSecond;
  }

  /** False when this is more than the current second has left. */
  take(amount: number): boolean {
    const now = this.#monotonic();
    if (now - this.#since >= WINDOW_MS) {
      this.#since = now;
      this.#taken = 0;
    }
    this.#taken += amount;
    return this.#taken <= this.#perSecond;
  }
}
