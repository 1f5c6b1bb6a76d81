import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { EventEngine } from '../events/event-engine.ts';
import type { StoredEvent } from '../events/stored-event.ts';

/** Most rooms whose timelines are merged. */
const MAX_ROOMS = 1_000;
/** Events read of a room at a time. */
const PAGE = 30;

type Source = {
  readonly room: RoomId;
  /** No event of the room that is still to come is newer than this stream position. */
  bound: number;
  /** Exclusive room position to read on from. */
  from: number;
  buffer: StoredEvent[];
};

/** Events of several rooms, newest first: rooms are read only as far as they are needed. */
export class NewestFirst {
  readonly #engine: EventEngine;
  readonly #rooms: readonly RoomId[];
  readonly #before: number | undefined;
  #sources: Source[] | undefined;
  /** Stream position of the event given last. */
  reached: number | undefined;

  /** @param before only events below this stream position */
  constructor(engine: EventEngine, rooms: readonly RoomId[], before: number | undefined) {
    this.#engine = engine;
    this.#rooms = rooms;
    this.#before = before;
  }

  async next(): Promise<StoredEvent | undefined> {
    this.#sources ??= await this.#open();
    for (;;) {
      const source = newest(this.#sources);
      if (source === undefined) return undefined;
      const [event] = source.buffer;
      if (event === undefined) await this.#fill(source);
      else {
        source.buffer.shift();
        const following = source.buffer[0];
        source.bound = (following ?? event).stream ?? 0;
        this.reached = event.stream;
        return event;
      }
    }
  }

  async #open(): Promise<Source[]> {
    const { heads, reader } = this.#engine;
    const sources: Source[] = [];
    for (const room of this.#rooms.slice(0, MAX_ROOMS)) {
      const live = await heads.current(room);
      if (live === undefined) continue;
      const { stream, pos } = live.head;
      const before = this.#before;
      if (before === undefined || stream < before) {
        sources.push({ room, bound: stream, from: pos + 1, buffer: [] });
        continue;
      }
      const end = await reader.positionAt(room, before - 1);
      if (end > 0) sources.push({ room, bound: before - 1, from: end + 1, buffer: [] });
    }
    return sources;
  }

  /** Reads more of a room, or gives it up at its beginning. */
  async #fill(source: Source): Promise<void> {
    const { room, from } = source;
    const page = await this.#engine.events.page({ room, direction: 'backward', from, limit: PAGE });
    const last = page.at(-1);
    if (last?.pos === undefined) {
      this.#sources = this.#sources?.filter((each) => each !== source);
      return;
    }
    source.from = last.pos;
    // What was fetched from history later has no place in the stream, and never notified anybody.
    source.buffer = page.filter(({ stream }) => stream !== undefined);
    source.bound = source.buffer[0]?.stream ?? source.bound;
  }
}

const newest = (sources: readonly Source[]): Source | undefined => {
  let best: Source | undefined;
  for (const source of sources) if (best === undefined || source.bound > best.bound) best = source;
  return best;
};
