import type { EventReader } from '../../../ports/event-store.ts';
import type { DepartureStore } from '../../../ports/departure-store.ts';
import type { StoredEvent } from '../../events/stored-event.ts';
import type { StatesById } from './find-departures.ts';
import { findDepartures } from './find-departures.ts';

export type FollowDeps = {
  readonly store: DepartureStore;
  readonly states: StatesById;
  readonly reader: Pick<EventReader, 'stream'>;
  /** Events in (after, upTo] if they are all in memory. */
  readonly recent: (after: number, upTo: number) => readonly StoredEvent[] | undefined;
  /** Up to where the stream can be read, and is in memory also where other processes wrote it. */
  readonly mark: () => Promise<number>;
};

const PAGE = 500;
/** Positions after which the cursor is written down even when nothing happened. */
const CURSOR_STEP = 5_000;

/**
 * Looks through the stream for departures from encrypted rooms, once, in order, from where the last process stopped.
 * Noting one is idempotent, so the cursor need not be exact: it is written after departures and now and then.
 */
export class FollowDepartures {
  readonly #deps: FollowDeps;
  #at: number | undefined;
  #written = 0;
  #running: Promise<void> | undefined;
  #again = false;

  constructor(deps: FollowDeps) {
    this.#deps = deps;
  }

  /** Position up to which the stream was looked through; 0 before the first time. */
  get reached(): number {
    return this.#at ?? 0;
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
    const { store, recent, reader, states } = this.#deps;
    let at = (this.#at ??= await this.#begin());
    while (at < mark) {
      const known = recent(at, mark);
      const page: readonly StoredEvent[] = known ?? (await reader.stream(at, mark, PAGE));
      let found = false;
      for (const event of page) {
        for (const departure of await findDepartures(event, states)) {
          await store.note(departure);
          found = true;
        }
      }
      const isWhole = known !== undefined || page.length < PAGE;
      at = this.#at = isWhole ? mark : (page.at(-1)?.stream ?? mark);
      if (!found && at - this.#written < CURSOR_STEP) continue;
      await store.moveCursor(at);
      this.#written = at;
    }
  }

  async #begin(): Promise<number> {
    this.#written = await this.#deps.store.cursor();
    return this.#written;
  }
}
