import { FRAME_BURST, FRAME_PATIENCE, FRAMES_PER_SECOND } from './limits.ts';

export type FrameVerdict =
  | { readonly kind: 'ok' }
  | { readonly kind: 'close' }
  | { readonly kind: 'refuse'; readonly retryAfterMs: number };

const OK: FrameVerdict = { kind: 'ok' };
const MS_PER_FRAME = 1_000 / FRAMES_PER_SECOND;

/** Counts the frames of one connection: a bucket that may be overdrawn, up to a point. */
export class FrameBudget {
  readonly #monotonic: () => number;
  #left = FRAME_BURST;
  #at: number;

  constructor(monotonic: () => number) {
    this.#monotonic = monotonic;
    this.#at = monotonic();
  }

  take(): FrameVerdict {
    const now = this.#monotonic();
    this.#left = Math.min(FRAME_BURST, this.#left + (now - this.#at) / MS_PER_FRAME) - 1;
    this.#at = now;
    if (this.#left >= 0) return OK;
    if (this.#left < -FRAME_PATIENCE) return { kind: 'close' };
    return { kind: 'refuse', retryAfterMs: Math.ceil(-this.#left * MS_PER_FRAME) };
  }
}
