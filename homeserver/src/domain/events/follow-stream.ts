import type { EventReader } from '../../ports/event-store.ts';
import type { StreamCursors } from '../../ports/stream-cursors.ts';
import type { StoredEvent } from './stored-event.ts';

export type FollowStreamDeps = {
  /** Names the follower's place in the stream. */
  readonly name: string;
  readonly cursors: StreamCursors;
  readonly reader: Pick<EventReader, 'stream'>;
  /** Events in (after, upTo] if they are all in memory. */
  readonly recent: (after: number, upTo: number) => readonly StoredEvent[] | undefined;
  /** Up to where the stream can be read, once everything up to there is in memory, whichever process wrote it. */
  readonly mark: () => Promise<number>;
  /** Takes a page of events; must be repeatable. */
  readonly take: (events: readonly StoredEvent[]) => Promise<void>;
};

const PAGE = 500;

/** Takes the stream of events in, page by page and in order, from where the last process stopped. */
export class FollowStream {
  readonly #deps: FollowStreamDeps;
  #at: number | undefined;
  #running: Promise<boolean> | undefined;

  constructor(deps: FollowStreamDeps) {
    this.#deps = deps;
  }

  /** Catches up with the stream as it is now, over at most so many pages. False when more is left. */
  async run(maxPages: number, signal?: AbortSignal): Promise<boolean> {
    // A run that is under way does not know of what came since it began.
    while (this.#running !== undefined) await this.#running.catch(() => undefined);
    this.#running = this.#catchUp(maxPages, signal).finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #catchUp(maxPages: number, signal: AbortSignal | undefined): Promise<boolean> {
    const { name, cursors, reader, recent, mark: markOf, take } = this.#deps;
    const mark = await markOf();
    let at = Math.max(this.#at ?? 0, await cursors.get(name));
    for (let page = 0; page < maxPages && at < mark && signal?.aborted !== true; page++) {
      const events = recent(at, mark)?.slice(0, PAGE) ?? (await reader.stream(at, mark, PAGE));
      await take(events);
      at = this.#at = events.length < PAGE ? mark : (events.at(-1)?.stream ?? mark);
      await cursors.move(name, at);
    }
    return at >= mark;
  }
}
