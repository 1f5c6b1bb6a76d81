/** A range of positions that belongs to this process. Both ends are included. */
export type PositionBlock = { readonly id: string; readonly from: number; readonly to: number };

/**
 * The positions a process holds: which it may still hand out, and which it has handed out and not settled. Positions
 * are handed out in ascending order, so the oldest unsettled one is always the first of the set. No input or output.
 */
export class PositionWindow {
  #blocks: PositionBlock[] = [];
  /** Next position of the first block that has any left. */
  #next = 1;
  readonly #inFlight = new Set<number>();
  #highestSettled = 0;

  /** Adds a block that lies above all others. */
  add(block: PositionBlock): void {
    const last = this.#blocks.at(-1);
    if (last !== undefined && block.from <= last.to) throw new RangeError('Blocks must ascend');
    this.#blocks.push(block);
  }

  /** How many positions can be reserved. */
  available(): number {
    let count = 0;
    for (const { from, to } of this.#blocks) count += Math.max(0, to - Math.max(from, this.#next) + 1);
    return count;
  }

  /** The next `count` positions in ascending order, or undefined when there are not as many left. */
  reserve(count: number): number[] | undefined {
    if (this.available() < count) return undefined;
    const positions: number[] = [];
    while (positions.length < count) {
      this.#skipTo(this.#next);
      positions.push(this.#next);
      this.#inFlight.add(this.#next);
      this.#next += 1;
    }
    return positions;
  }

  /** These are committed, or never will be. */
  settle(positions: readonly number[]): void {
    for (const position of positions) {
      this.#inFlight.delete(position);
      if (position > this.#highestSettled) this.#highestSettled = position;
    }
  }

  /** Gives up the unused positions up to `limit`, so that others need not wait for them. */
  abandonUpTo(limit: number): void {
    if (limit >= this.#next) this.#next = limit + 1;
  }

  /** The lowest position that may still be committed; undefined when there is none. */
  floor(): number | undefined {
    const [oldest] = this.#inFlight;
    if (oldest !== undefined) return oldest;
    for (const { from, to } of this.#blocks) if (to >= this.#next) return Math.max(from, this.#next);
    return undefined;
  }

  /** The highest position this process has ever settled; 0 at first. */
  highestSettled(): number {
    return this.#highestSettled;
  }

  /** The highest position of all blocks held; 0 when there are none. */
  top(): number {
    return this.#blocks.at(-1)?.to ?? 0;
  }

  blocks(): readonly PositionBlock[] {
    return this.#blocks;
  }

  /** Forgets and returns the blocks in which nothing is left open. */
  takeFinished(): PositionBlock[] {
    const floor = this.floor() ?? Number.POSITIVE_INFINITY;
    const finished = this.#blocks.filter(({ to }) => to < floor);
    if (finished.length > 0) this.#blocks = this.#blocks.filter(({ to }) => to >= floor);
    return finished;
  }

  /** Forgets a block that somebody else has closed. What is in flight in it stays until it is settled. */
  drop(id: string): void {
    this.#blocks = this.#blocks.filter((block) => block.id !== id);
  }

  /** Moves `#next` to the first position at or above `position` that lies in a block. */
  #skipTo(position: number): void {
    for (const { from, to } of this.#blocks) {
      if (to < position) continue;
      this.#next = Math.max(from, position);
      return;
    }
    this.#next = position;
  }
}
