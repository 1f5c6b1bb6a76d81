/** Reproducible choices for simulations: xorshift128+ over a printed seed. Never for keys. */
export class Dice {
  #a: number;
  #b: number;

  constructor(seed: number) {
    this.#a = seed >>> 0 || 1;
    this.#b = (seed * 2654435761) >>> 0 || 2;
    for (let i = 0; i < 20; i++) this.#next();
  }

  #next(): number {
    let t = this.#a;
    const s = this.#b;
    this.#a = s;
    t ^= t << 23;
    t ^= t >>> 17;
    t ^= s ^ (s >>> 26);
    this.#b = t >>> 0;
    return (this.#b + s) >>> 0;
  }

  /** An integer in [0, bound). */
  below(bound: number): number {
    return this.#next() % bound;
  }

  /** True in `percent` of a hundred cases. */
  chance(percent: number): boolean {
    return this.below(10_000) < percent * 100;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new Error('nothing to pick from');
    return item;
  }

  shuffle<T>(items: T[]): T[] {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [items[i], items[j]] = [items[j] as T, items[i] as T];
    }
    return items;
  }
}
