import type { Signal } from './state.ts';

const MAX_CALLS = 50;
const MAX_PER_CALL = 40;

/** Signals of calls whose invitation has not come: servers may deliver in another order than was sent. */
export class Strays {
  readonly #byCall = new Map<string, Signal[]>();

  keep(callId: string, signal: Signal): void {
    const known = this.#byCall.get(callId);
    if (known === undefined) {
      const oldest = this.#byCall.keys().next().value;
      if (this.#byCall.size >= MAX_CALLS && oldest !== undefined) this.#byCall.delete(oldest);
      this.#byCall.set(callId, [signal]);
    } else if (known.length < MAX_PER_CALL) {
      known.push(signal);
    }
  }

  /** What came for a call so far, in order; it is forgotten here. */
  claim(callId: string): readonly Signal[] {
    const signals = this.#byCall.get(callId) ?? [];
    this.#byCall.delete(callId);
    return signals;
  }
}
