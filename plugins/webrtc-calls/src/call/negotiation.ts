/**
 * Who may offer anew during a call ("perfect negotiation"): when both offer at once the caller's offer stands, and the
 * callee takes its own back.
 */
export class Negotiation {
  readonly #polite: boolean;
  #phase: 'stable' | 'making' | 'offered' = 'stable';
  /** Offers that are still being made although the other side's were taken instead. */
  #abandoned = 0;
  #deadline: number | undefined;

  constructor(polite: boolean) {
    this.#polite = polite;
  }

  get idle(): boolean {
    return this.#phase === 'stable';
  }

  /** When an offer without an answer is given up, or undefined. */
  get deadline(): number | undefined {
    return this.#deadline;
  }

  /** Whether an offer may be made now; if so it is being made. */
  begin(): boolean {
    if (this.#phase !== 'stable') return false;
    this.#phase = 'making';
    return true;
  }

  /** An offer is ready: whether to send it. */
  made(deadline: number): boolean {
    if (this.#abandoned > 0) {
      this.#abandoned -= 1;
      return false;
    }
    if (this.#phase !== 'making') return false;
    this.#phase = 'offered';
    this.#deadline = deadline;
    return true;
  }

  /** The other side offers: whether to take it. */
  offered(): boolean {
    if (this.#phase !== 'stable' && !this.#polite) return false;
    if (this.#phase === 'making') this.#abandoned += 1;
    this.settle();
    return true;
  }

  /** The other side answers: whether that answers an offer of ours. */
  answered(): boolean {
    if (this.#phase !== 'offered') return false;
    this.settle();
    return true;
  }

  settle(): void {
    this.#phase = 'stable';
    this.#deadline = undefined;
  }
}
