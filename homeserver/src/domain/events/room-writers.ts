import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import { LRUCache } from 'lru-cache';
import { CommitRefused, type GroupCommit, type Unit } from './group-commit.ts';
import type { RoomHeads } from './room-heads.ts';
import type { RoomHead } from './room-head.ts';
import type { RoomState, StateLayer } from './room-state.ts';
import type { RoomStates } from './room-states.ts';
import type { StoredEvent } from './stored-event.ts';

/** How often a write is rebuilt because another process wrote to the room first. */
const MAX_ATTEMPTS = 20;

/** Events that a builder wants to add to a room, with the head they lead to. */
export type Addition = {
  readonly events: readonly StoredEvent[];
  readonly layers: readonly StateLayer[];
  /** Current state after each event, in step with `events`. */
  readonly states: readonly RoomState[];
  readonly head: RoomHead;
};

/** What a builder decided: to add, or that there is nothing to do and this is the answer. */
export type Decision<T> =
  { readonly add: Addition; readonly answer: T } | { readonly add?: undefined; readonly answer: T };

type Slot = {
  /** The head that the next event is built on: ahead of the committed one while writes are under way. */
  tip: RoomHead | undefined;
  /** What has to be stored for `tip` to be true. */
  unit: Unit | undefined;
  pending: number;
  /** Changes when writes under way were refused: what was built on them is void. */
  generation: number;
  turn: Promise<unknown>;
};

/** Thrown when other writers kept getting in first. */
export class RoomContended extends Error {
  override readonly name = 'RoomContended';
}

/**
 * One writer per room at a time. Builders take turns within this process and build on the newest head, committed or
 * not, so that events of one room share a write; between processes the unique room position decides, and the loser
 * catches up and builds again.
 */
export class RoomWriters {
  readonly #heads: RoomHeads;
  readonly #states: RoomStates;
  readonly #commits: GroupCommit;
  readonly #slots = new LRUCache<RoomId, Slot>({ max: 20_000 });

  constructor(heads: RoomHeads, states: RoomStates, commits: GroupCommit) {
    this.#heads = heads;
    this.#states = states;
    this.#commits = commits;
  }

  /**
   * Runs `build` in the room's turn and commits what it adds. Answers once it is journaled.
   * @param build may run again; gets undefined for a room that is not here yet.
   */
  async write<T>(room: RoomId, build: (tip: RoomHead | undefined) => Promise<Decision<T>>): Promise<T> {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const slot = this.#slot(room);
      const { decision, committed } = await this.#inTurn(slot, () => this.#build(room, slot, build));
      try {
        await committed;
        return decision.answer;
      } catch (error) {
        if (!(error instanceof CommitRefused) || error.reason !== 'position') throw error;
      }
    }
    throw new RoomContended(`too many writers in ${room}`);
  }

  async #build<T>(
    room: RoomId,
    slot: Slot,
    build: (tip: RoomHead | undefined) => Promise<Decision<T>>,
  ): Promise<{ decision: Decision<T>; committed: Promise<void> | undefined }> {
    const isAhead = slot.pending > 0 && slot.tip !== undefined;
    const after = isAhead ? slot.unit : undefined;
    const tip = isAhead ? slot.tip : (await this.#heads.current(room))?.head;
    const decision = await build(tip);
    if (decision.add === undefined) return { decision, committed: undefined };
    const { layers, events, states, head } = decision.add;
    this.#states.remember(layers);
    const unit = { room, layers, events, states, above: tip?.stream ?? 0, after };
    slot.tip = head;
    slot.unit = unit;
    slot.pending++;
    const committed = this.#commit(slot, unit);
    // The caller awaits it after its turn; until then a failure has a handler.
    committed.catch(() => undefined);
    return { decision, committed };
  }

  async #commit(slot: Slot, unit: Unit): Promise<void> {
    const { generation } = slot;
    try {
      await this.#commits.submit(unit);
    } catch (error) {
      if (slot.generation === generation) {
        slot.generation++;
        slot.tip = undefined;
        slot.unit = undefined;
        await this.#heads.catchUp(unit.room);
      }
      throw error;
    } finally {
      slot.pending--;
    }
  }

  #slot(room: RoomId): Slot {
    let slot = this.#slots.get(room);
    if (slot === undefined) {
      slot = { tip: undefined, unit: undefined, pending: 0, generation: 0, turn: Promise.resolve() };
      this.#slots.set(room, slot);
    }
    return slot;
  }

  /** Runs `work` after everything that took a turn before. */
  #inTurn<T>(slot: Slot, work: () => Promise<T>): Promise<T> {
    const result = slot.turn.then(work, work);
    slot.turn = result.catch(() => undefined);
    return result;
  }
}
