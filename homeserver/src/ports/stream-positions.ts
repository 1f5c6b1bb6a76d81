/**
 * Positions in the one stream that orders everything a client can be told about. Readers read up to `mark()` and hand
 * out tokens no higher; every position at or below it is committed or will never be.
 */
export interface StreamPositions {
  /** Highest position up to which nothing is missing any more. Never goes back. */
  mark(): number;
  /**
   * Runs `commit` with `count` ascending positions that nobody else has, and settles them when it is done. `commit`
   * must put the positions it uses into documents of one of the stream's collections, whose unique index on the
   * position fences off a process that was thought dead; when that fence refuses a write, `commit` is called again with
   * new positions, so it must be repeatable. Positions it leaves unused become void.
   */
  write<T>(count: number, commit: (positions: readonly number[]) => Promise<T>): Promise<T>;
  /** Resolves when the mark is at `position` or above. Rejects with the signal's reason. */
  reached(position: number, signal?: AbortSignal): Promise<void>;
  /** Whether all positions in (after, upTo] were this process's to use, so that no other can have written there. */
  isOwn(after: number, upTo: number): boolean;
  /**
   * Whether it is certain that no other process can have written what this one has not seen. Without the bus it never
   * is: then whoever must know asks the store.
   */
  isAlone(): boolean;
  /** Calls `listener` with the new mark each time it advances. */
  onAdvance(listener: (mark: number) => void): Disposable;
}
