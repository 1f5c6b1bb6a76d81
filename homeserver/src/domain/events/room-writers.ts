import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import { LRUCache } from 'lru-cache';
import { CommitRefused, type GroupCommit, type Unit } from './group-commit.ts';
import type { RoomHeads } from './room-heads.ts';
import type { RoomHead } from './room-head.ts';
import type { RoomState, StateLayer } from './room-state.ts';
import type { RoomStates } from './room-states.ts';
import type { StoredEvent } from './stored-event.ts';

/**
 * How often a write is rebuilt because another process wrote to the room first. Who builds on what it read loses most
 * races against a process that is writing all the time, so few attempts would turn away one who is merely unlucky.
 */
const MAX_ATTEMPTS = 200;

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
  /** Settles when `unit` is stored or refused. */
  committed: Promise<void> | undefined;
  pending: number;
  /** Changes when writes under way were refused: what was built on them is void. */
  generation: number;
  turn: Promise<unknown>;
};

/** What a builder builds on. */
type Basis = {
  readonly tip: RoomHead | undefined;
  /** What has to be stored for `tip` to be true, and when it is; undefined for a committed head. */
  readonly after: Unit | undefined;
  readonly committed: Promise<void> | undefined;
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
   * Runs `build` in the room's turn and commits what it adds. Answers, or refuses, once what it was built on is
   * journaled: neither may rest on an event that never came to be, nor overlook one of another process.
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
        if (!(error instanceof CommitRefused)) throw error;
        // Whoever added nothing waited for somebody else's event, and looks again whatever became of that one.
        if (decision.add !== undefined && error.reason !== 'position') throw error;
      }
    }
    throw new RoomContended(`too many writers in ${room}`);
  }

  async #build<T>(
    room: RoomId,
    slot: Slot,
    build: (tip: RoomHead | undefined) => Promise<Decision<T>>,
  ): Promise<{ decision: Decision<T>; committed: Promise<void> | undefined }> {
    const { decision, basis } = await this.#decide(room, slot, build);
    if (decision.add === undefined) return { decision, committed: basis.committed };
    const { tip, after } = basis;
    const { layers, events, states, head } = decision.add;
    this.#states.remember(layers);
    const unit = { room, layers, events, states, above: tip?.stream ?? 0, after };
    slot.tip = head;
    slot.unit = unit;
    slot.pending++;
    const committed = this.#commit(slot, unit);
    slot.committed = committed;
    // The caller awaits it after its turn; until then a failure has a handler.
    committed.catch(() => undefined);
    return { decision, committed };
  }

  /** Lets `build` decide, again and again while it refuses on account of a head that was not the newest. */
  async #decide<T>(
    room: RoomId,
    slot: Slot,
    build: (tip: RoomHead | undefined) => Promise<Decision<T>>,
  ): Promise<{ decision: Decision<T>; basis: Basis }> {
    for (let attempt = 1; ; attempt++) {
      const isAhead = slot.pending > 0 && slot.tip !== undefined;
      const basis: Basis = isAhead
        ? { tip: slot.tip, after: slot.unit, committed: slot.committed }
        : { tip: (await this.#heads.current(room))?.head, after: undefined, committed: undefined };
      try {
        return { decision: await build(basis.tip), basis };
      } catch (error) {
        // An event would be fenced off by its position; a refusal has none, and is true of the newest head alone.
        if (attempt >= MAX_ATTEMPTS || !(await this.#hasMovedOn(room, basis))) throw error;
      }
    }
  }

  /** Whether the room turns out not to stand at `tip`, once writes of this process are done and others' are read. */
  async #hasMovedOn(room: RoomId, { tip, committed }: Basis): Promise<boolean> {
    await committed?.catch(() => undefined);
    const head = (await this.#heads.catchUp(room))?.head;
    if (head === undefined || tip === undefined) return head !== tip;
    return (
      head.pos !== tip.pos || head.state.id !== tip.state.id || !isSame(head.extremities, tip.extremities)
    );
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
        slot.committed = undefined;
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
      slot = {
        tip: undefined,
        unit: undefined,
        committed: undefined,
        pending: 0,
        generation: 0,
        turn: Promise.resolve(),
      };
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

const isSame = (some: readonly string[], others: readonly string[]): boolean =>
  some.length === others.length && some.every((each, at) => each === others[at]);
