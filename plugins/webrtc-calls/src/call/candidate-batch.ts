import type { Candidate } from './contents.ts';

const MAX_WAITING = 100;
const MAX_PER_EVENT = 40;

/** Candidates of this side on their way out: those found close together travel in one event. */
export class CandidateBatch {
  readonly #waits: readonly [number, number];
  #waiting: Candidate[] = [];
  #flushed = false;
  #flushAt: number | undefined;

  constructor(waits: readonly [number, number]) {
    this.#waits = waits;
  }

  add(candidates: readonly Candidate[], now: number): void {
    this.#waiting = [...this.#waiting, ...candidates].slice(-MAX_WAITING);
    this.#flushAt ??= now + this.#waits[this.#flushed ? 1 : 0];
  }

  /** When the next event is due, or undefined. */
  get nextAt(): number | undefined {
    return this.#flushAt;
  }

  /** Those that are due, at most one event's worth. */
  due(now: number): readonly Candidate[] {
    if (this.#flushAt === undefined || now < this.#flushAt) return [];
    const batch = this.#waiting.slice(0, MAX_PER_EVENT);
    this.#waiting = this.#waiting.slice(MAX_PER_EVENT);
    this.#flushed = true;
    this.#flushAt = this.#waiting.length > 0 ? now : undefined;
    return batch;
  }
}
