import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { AppendFailure, EventAppender, StateLayerStore } from '../../ports/event-store.ts';
import type { StreamPositions } from '../../ports/stream-positions.ts';
import type { RoomState, StateLayer } from './room-state.ts';
import type { StoredEvent } from './stored-event.ts';

/** What becomes part of one room together. */
export type Unit = {
  readonly room: RoomId;
  readonly layers: readonly StateLayer[];
  /** Without stream positions: they are given when the write goes out. */
  readonly events: readonly StoredEvent[];
  /** Current state of the room after each event, in step with `events`. */
  readonly states: readonly RoomState[];
  /** Stream position of the event that the first one follows: a room's events rise in both orders. */
  readonly above: number;
  /**
   * The unit that this one was built on before that was stored; if it is refused, so is this one. Let go of when this
   * one is done, so that units under constant load are no endless chain.
   */
  after: Unit | undefined;
};

/** A unit was not stored. */
export class CommitRefused extends Error {
  override readonly name = 'CommitRefused';
  readonly reason: AppendFailure;

  constructor(reason: AppendFailure) {
    super(`the store refused the event: ${reason}`);
    this.reason = reason;
  }
}

type Waiting = {
  readonly unit: Unit;
  readonly resolve: (events: readonly StoredEvent[]) => void;
  readonly reject: (error: unknown) => void;
};

export type GroupCommitOptions = {
  readonly store: EventAppender;
  readonly layers: StateLayerStore;
  readonly positions: StreamPositions;
  /** Called in commit order, before the positions are settled and before the writers learn of it. */
  readonly onCommitted: (events: readonly StoredEvent[], states: readonly RoomState[]) => void;
  /** Called when a write failed in a way that leaves open whether it happened: readers look into the store. */
  readonly onUncertain: () => void;
};

/** Most events in one write; more wait for the next. */
const MAX_BATCH = 256;

/**
 * Writes that wait at the same moment share one insert, and so one flush of the journal. One write is under way at a
 * time, so order within a room is the order of submission, and a unit built on a refused one is never stored.
 */
export class GroupCommit {
  readonly #options: GroupCommitOptions;
  #queue: Waiting[] = [];
  readonly #failed = new WeakSet<Unit>();
  #running: Promise<void> | undefined;
  /** Highest stream position used so far: blocks of positions are not always handed out in order. */
  #highest = 0;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
  }

  /** Answers the events as stored, once journaled. Throws {@link CommitRefused}. */
  submit(unit: Unit): Promise<readonly StoredEvent[]> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ unit, resolve, reject });
      this.#running ??= this.#drain();
    });
  }

  /** Resolves when nothing is waiting any more. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #drain(): Promise<void> {
    // One turn of the microtask queue lets sends that are ready at this moment into the same write.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const batch = this.#take();
      if (batch.length === 0) continue;
      try {
        await this.#write(batch);
      } catch (error) {
        this.#options.onUncertain();
        for (const waiting of batch) this.#fail(waiting, error);
      }
    }
    this.#running = undefined;
  }

  #take(): Waiting[] {
    this.#dropOrphans();
    let events = 0;
    let count = 0;
    for (const { unit } of this.#queue) {
      if (count > 0 && events + unit.events.length > MAX_BATCH) break;
      events += unit.events.length;
      count++;
    }
    const batch = this.#queue.slice(0, count);
    this.#queue = this.#queue.slice(count);
    return batch;
  }

  /** Refuses what was built on refused units, also if it came after they were. */
  #dropOrphans(): void {
    const kept: Waiting[] = [];
    for (const waiting of this.#queue) {
      const { after } = waiting.unit;
      if (after !== undefined && this.#failed.has(after)) this.#fail(waiting, new CommitRefused('position'));
      else kept.push(waiting);
    }
    this.#queue = kept;
  }

  #fail(waiting: Waiting, error: unknown): void {
    this.#failed.add(waiting.unit);
    waiting.unit.after = undefined;
    waiting.reject(error);
  }

  async #write(batch: readonly Waiting[]): Promise<void> {
    const { store, layers, onCommitted } = this.#options;
    const count = batch.reduce((sum, { unit }) => sum + unit.events.length, 0);
    const newLayers = batch.flatMap(({ unit }) => unit.layers);
    if (newLayers.length > 0) await layers.put(newLayers);
    const above = Math.max(this.#highest, ...batch.map(({ unit }) => unit.above));
    const result = await this.#atPositions(count, above, async (numbers) => {
      let next = 0;
      const placed = batch.map(({ unit }) =>
        unit.events.map((event) => ({ ...event, stream: numbers[next++] })),
      );
      const outcome = await store.append(placed.flat());
      let stored = 0;
      const done: (readonly StoredEvent[])[] = [];
      for (const [at, events] of placed.entries()) {
        stored += events.length;
        if (stored > outcome.stored) break;
        onCommitted(events, batch[at]?.unit.states ?? []);
        done.push(events);
      }
      return { done, failure: outcome.failure };
    });
    for (const [at, events] of result.done.entries()) {
      const waiting = batch[at];
      if (waiting === undefined) continue;
      waiting.unit.after = undefined;
      waiting.resolve(events);
    }
    if (result.failure !== undefined) this.#afterFailure(batch.slice(result.done.length), result.failure);
  }

  /**
   * Runs `commit` with positions above one that another process committed at: of a block that this one leased earlier,
   * what lies below is left unused.
   */
  async #atPositions<T>(
    count: number,
    above: number,
    commit: (positions: readonly number[]) => Promise<T>,
  ): Promise<T> {
    const { positions } = this.#options;
    for (let missing = 0; ;) {
      const outcome = await positions.write(count + missing, async (numbers) => {
        const used = numbers.slice(-count);
        const [first = 0] = used;
        if (first <= above) return { missing: above - first + 1 };
        this.#highest = used.at(-1) ?? first;
        return { value: await commit(used) };
      });
      if ('value' in outcome) return outcome.value;
      missing = outcome.missing;
    }
  }

  #afterFailure(rest: readonly Waiting[], reason: AppendFailure): void {
    const [failed, ...others] = rest;
    if (failed === undefined) return;
    this.#fail(failed, new CommitRefused(reason));
    this.#queue = [...others, ...this.#queue];
  }
}
