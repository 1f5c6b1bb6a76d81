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
  #running: Promise<void> | undefined;

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
      try {
        await this.#write(batch);
      } catch (error) {
        this.#options.onUncertain();
        for (const waiting of batch) waiting.reject(error);
        // What was built on these may not be stored either: its writers start again from what is.
        const rooms = new Set(batch.map((waiting) => waiting.unit.room));
        this.#refuse(rooms, 'position');
      }
    }
    this.#running = undefined;
  }

  #take(): Waiting[] {
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

  async #write(batch: readonly Waiting[]): Promise<void> {
    const { store, layers, positions, onCommitted } = this.#options;
    const count = batch.reduce((sum, { unit }) => sum + unit.events.length, 0);
    const newLayers = batch.flatMap(({ unit }) => unit.layers);
    if (newLayers.length > 0) await layers.put(newLayers);
    const result = await positions.write(count, async (numbers) => {
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
    for (const [at, events] of result.done.entries()) batch[at]?.resolve(events);
    if (result.failure !== undefined) this.#afterFailure(batch.slice(result.done.length), result.failure);
  }

  #afterFailure(rest: readonly Waiting[], reason: AppendFailure): void {
    const [failed, ...others] = rest;
    if (failed === undefined) return;
    failed.reject(new CommitRefused(reason));
    this.#queue = [...others, ...this.#queue];
    this.#refuse(new Set([failed.unit.room]), 'position');
  }

  /** Refuses what waits for these rooms: it was built on an event that was not stored. */
  #refuse(rooms: ReadonlySet<string>, reason: AppendFailure): void {
    const kept: Waiting[] = [];
    for (const waiting of this.#queue) {
      if (rooms.has(waiting.unit.room)) waiting.reject(new CommitRefused(reason));
      else kept.push(waiting);
    }
    this.#queue = kept;
  }
}
