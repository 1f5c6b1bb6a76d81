import type { EventReader } from '../../ports/event-store.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Push, PushQueue } from '../../ports/pushers.ts';
import type { StoredEvent } from '../events/stored-event.ts';

export type FollowEventsDeps = {
  readonly queue: PushQueue;
  readonly pushesOf: (event: StoredEvent) => Promise<Push[]>;
  readonly reader: Pick<EventReader, 'stream'>;
  /** Events in (after, upTo] if they are all in memory. */
  readonly recent: (after: number, upTo: number) => readonly StoredEvent[] | undefined;
  /** Up to where the stream can be read, once everything up to there is in memory, whichever process wrote it. */
  readonly mark: () => Promise<number>;
  readonly clock: Clock;
  /** Events older than this are not pushed any more. */
  readonly maxAgeMs: number;
};

const PAGE = 200;
/** Positions after which the cursor is written down even when there was nothing to push. */
const CURSOR_STEP = 2_000;

/**
 * Goes through the stream of events once, in order, from where the last process stopped, and leaves pushes for those
 * who are to be told. Several processes may do so at the same time: the one that moves the cursor first counts.
 */
export class FollowEvents {
  readonly #deps: FollowEventsDeps;
  #at: number | undefined;
  #written = 0;
  #running: Promise<void> | undefined;
  #again = false;

  constructor(deps: FollowEventsDeps) {
    this.#deps = deps;
  }

  /** Catches up with the stream. Calls while it runs make it look once more. */
  run(): Promise<void> {
    this.#again = true;
    this.#running ??= this.#loop().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #loop(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      await this.#catchUp(await this.#deps.mark());
    }
  }

  async #catchUp(mark: number): Promise<void> {
    let at = (this.#at ??= await this.#begin(mark));
    while (at < mark) at = this.#at = await this.#step(at, mark);
  }

  /** Looks through one page; answers where to go on. */
  async #step(at: number, mark: number): Promise<number> {
    const { queue, recent, reader, pushesOf, clock, maxAgeMs } = this.#deps;
    const known = recent(at, mark)?.slice(0, PAGE);
    const page = known ?? (await reader.stream(at, mark, PAGE));
    const to = page.length < PAGE ? mark : (page.at(-1)?.stream ?? mark);
    const oldest = clock.now() - maxAgeMs;
    const pushes: Push[] = [];
    for (const event of page) if (event.receivedAt > oldest) pushes.push(...(await pushesOf(event)));
    if (pushes.length > 0) {
      const isFirst = await queue.addAndMove(pushes, at, to);
      this.#written = isFirst ? to : ((await queue.cursor()) ?? to);
      return this.#written;
    }
    if (to - this.#written >= CURSOR_STEP) {
      await queue.moveCursor(to);
      this.#written = to;
    }
    return to;
  }

  /** What came before push notifications were switched on is not pushed. */
  async #begin(mark: number): Promise<number> {
    const cursor = await this.#deps.queue.cursor();
    if (cursor === undefined) await this.#deps.queue.moveCursor(mark);
    this.#written = cursor ?? mark;
    return this.#written;
  }
}
