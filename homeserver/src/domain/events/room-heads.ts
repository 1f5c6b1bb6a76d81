import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import { roomVersionRules } from '@nyx/federation/room-versions/registry.ts';
import { LRUCache } from 'lru-cache';
import type { EventReader } from '../../ports/event-store.ts';
import type { EventCache } from './event-cache.ts';
import { MemberTally } from './member-tally.ts';
import type { RoomHead } from './room-head.ts';
import { stateDifference, type RoomState } from './room-state.ts';
import type { RoomStates } from './room-states.ts';
import type { StoredEvent } from './stored-event.ts';

/** Rooms whose heads are kept in memory. */
const MAX_CACHED_ROOMS = 20_000;

/** Events looked through at once when catching up with another writer. */
const CATCH_UP_PAGE = 200;

/** A room as readers see it: committed head and tallies. */
export type LiveRoom = {
  head: RoomHead;
  readonly tally: MemberTally;
  readonly createEvent: StoredEvent;
};

/**
 * The committed heads of rooms. A head is read from the room's newest event alone; afterwards commits move it on,
 * here and (through the stream) in other processes.
 */
export class RoomHeads {
  readonly #reader: EventReader;
  readonly #events: EventCache;
  readonly #states: RoomStates;
  readonly #rooms = new LRUCache<RoomId, LiveRoom>({ max: MAX_CACHED_ROOMS });
  readonly #loading = new Map<RoomId, Promise<LiveRoom | undefined>>();

  readonly #isAlone: () => boolean;

  /** @param isAlone whether it is certain that no other process writes to the same store. */
  constructor(reader: EventReader, events: EventCache, states: RoomStates, isAlone: () => boolean) {
    this.#isAlone = isAlone;
    this.#reader = reader;
    this.#events = events;
    this.#states = states;
  }

  /** The room if it is in memory. */
  peek(room: RoomId): LiveRoom | undefined {
    return this.#rooms.get(room);
  }

  /** The room, or undefined if this server has no events of it. */
  async get(room: RoomId): Promise<LiveRoom | undefined> {
    const held = this.#rooms.get(room);
    if (held !== undefined && !(await this.#isOutdated(held))) return held;
    let loading = this.#loading.get(room);
    if (loading === undefined) {
      loading = this.#load(room).finally(() => this.#loading.delete(room));
      this.#loading.set(room, loading);
    }
    return loading;
  }

  /**
   * The room with everything that is committed, by whichever process: what a user did there a moment ago counts here.
   * Alone, that is what is in memory anyway.
   */
  async current(room: RoomId): Promise<LiveRoom | undefined> {
    return this.#isAlone() ? this.get(room) : this.catchUp(room);
  }

  /** Follows a commit, made here or elsewhere. Does nothing for a room that is not in memory or is ahead already. */
  async follow(event: StoredEvent): Promise<void> {
    const live = this.#rooms.get(event.room);
    if (live === undefined || event.pos === undefined || event.pos <= live.head.pos) return;
    if (event.pos !== live.head.pos + 1) {
      await this.catchUp(event.room);
      return;
    }
    const state = await this.#states.get(event.roomState ?? '');
    // While the state was read, somebody else may have moved the head.
    if (live.head.pos === event.pos - 1) this.advance(live, event, state);
  }

  /** Moves a live room on by the next event, whose resulting current state is known. */
  advance(live: LiveRoom, event: StoredEvent, state: RoomState): void {
    const { head } = live;
    if (event.pos !== head.pos + 1) return;
    if (state.id !== head.state.id) live.tally.apply(head.state, stateDifference(head.state, state));
    live.head = {
      ...head,
      pos: event.pos,
      stream: event.stream ?? head.stream,
      depth: event.headDepth,
      extremities: event.extremities,
      state,
    };
  }

  /** Follows a commit of this process: the states are at hand. */
  committed(events: readonly StoredEvent[], states: readonly RoomState[]): void {
    for (const [at, event] of events.entries()) {
      const live = this.#rooms.get(event.room);
      const state = states[at];
      if (live !== undefined && state !== undefined) this.advance(live, event, state);
    }
  }

  /** Makes a room known that was just created or first stored here. */
  async adopt(room: RoomId): Promise<LiveRoom | undefined> {
    this.#rooms.delete(room);
    return this.get(room);
  }

  /** Reads what other writers added. */
  async catchUp(room: RoomId): Promise<LiveRoom | undefined> {
    const live = await this.get(room);
    if (live === undefined) return undefined;
    for (;;) {
      const from = live.head.pos;
      const missed = await this.#events.page({ room, direction: 'forward', from, limit: CATCH_UP_PAGE });
      const states = await this.#states.getAll(missed.map((event) => event.roomState ?? ''));
      for (const event of missed) {
        const state = states.get(event.roomState ?? '');
        if (state !== undefined) this.advance(live, event, state);
      }
      if (missed.length < CATCH_UP_PAGE) return live;
    }
  }

  /** Whether members of a partial state came meanwhile, here or in another process. */
  async #isOutdated({ head }: LiveRoom): Promise<boolean> {
    const base = head.state.partial === undefined ? undefined : head.state.layers.at(-1);
    if (base === undefined || !(await this.#states.refresh(base.id))) return false;
    this.#rooms.delete(head.room);
    return true;
  }

  async #load(room: RoomId): Promise<LiveRoom | undefined> {
    const newest = await this.#reader.latest(room);
    if (newest?.pos === undefined) return undefined;
    const state = await this.#states.get(newest.roomState ?? '');
    const createId = state.get('m.room.create', '');
    const createEvent = createId === undefined ? undefined : await this.#events.get(createId);
    const rules = roomVersionRules(createEvent?.pdu.content.room_version ?? '1');
    if (createEvent === undefined || rules === undefined) return undefined;
    const live: LiveRoom = {
      createEvent,
      tally: MemberTally.of(state),
      head: {
        room,
        rules,
        pos: Math.floor(newest.pos),
        stream: newest.stream ?? 0,
        depth: newest.headDepth,
        extremities: newest.extremities,
        state,
      },
    };
    this.#rooms.set(room, live);
    return live;
  }
}
