import { ref } from 'vue';
import type { Ref } from 'vue';

/**
 * Measured heights by row key (CSS px). Survives room switches: a row once measured is never estimated again. Kept to
 * a bounded number of rows; the oldest measured go first and are measured anew when they are shown.
 */
export class SizeMap {
  /** Rises with every change; whoever computes from sizes reads it. */
  readonly version: Ref<number> = ref(0);
  readonly #sizes = new Map<string, number>();
  readonly #max: number;

  constructor(max = 20_000) {
    this.#max = max;
  }

  /** Reading a height also follows the map's version: what is computed from heights is computed again. */
  get(key: string): number | undefined {
    return this.version.value >= 0 ? this.#sizes.get(key) : undefined;
  }

  /** Takes a batch of measurements; answers whether any height changed. */
  set(batch: readonly (readonly [key: string, height: number])[]): boolean {
    let changed = false;
    for (const [key, height] of batch) {
      if (height <= 0 || this.#sizes.get(key) === height) continue;
      this.#sizes.delete(key);
      this.#sizes.set(key, height);
      changed = true;
    }
    for (const key of this.#sizes.keys()) {
      if (this.#sizes.size <= this.#max) break;
      this.#sizes.delete(key);
    }
    if (changed) this.version.value += 1;
    return changed;
  }
}
