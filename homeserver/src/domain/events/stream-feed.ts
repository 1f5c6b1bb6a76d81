import type { EventReader } from '../../ports/event-store.ts';
import type { StoredEvent } from './stored-event.ts';

/** Newest events of all rooms kept in memory: what most incremental syncs are answered from. */
const MAX_RECENT_EVENTS = 4_000;
const PAGE = 500;

/** The newest stretch of the event stream, in memory and in order. */
export class StreamFeed {
  readonly #reader: EventReader;
  #recent: StoredEvent[] = [];
  /** Everything above this position, and up to the mark, is in `#recent`. */
  #floor: number;

  /** @param start the stream's mark when the feed begins. */
  constructor(reader: EventReader, start: number) {
    this.#reader = reader;
    this.#floor = start;
  }

  /** Lowest position after which the feed is complete. */
  get floor(): number {
    return this.#floor;
  }

  /** Takes events as they are committed. Those of other processes may come late: they are put in their place. */
  add(events: readonly StoredEvent[]): void {
    for (const event of events) this.#insert(event);
    if (this.#recent.length > MAX_RECENT_EVENTS * 1.25) {
      const dropped = this.#recent.length - MAX_RECENT_EVENTS;
      this.#floor = Math.max(this.#floor, this.#recent[dropped - 1]?.stream ?? 0);
      this.#recent = this.#recent.slice(dropped);
    }
  }

  /** Replaces an event by its newer self (redacted). */
  replace(event: StoredEvent): void {
    const at = this.#firstAfter((event.stream ?? 0) - 1);
    if (this.#recent[at]?.id === event.id) this.#recent[at] = event;
  }

  /** Events in (after, upTo], or undefined if that goes further back than what is in memory. */
  between(after: number, upTo: number): StoredEvent[] | undefined {
    if (after < this.#floor) return undefined;
    const from = this.#firstAfter(after);
    const to = this.#firstAfter(upTo);
    return this.#recent.slice(from, to);
  }

  /** Reads what other processes committed in (after, upTo]; answers the events that were new here. */
  async readForeign(after: number, upTo: number): Promise<StoredEvent[]> {
    const fresh: StoredEvent[] = [];
    for (let from = after; ;) {
      const page = await this.#reader.stream(from, upTo, PAGE);
      fresh.push(...page.filter((event) => !this.#has(event)));
      const last = page.at(-1)?.stream;
      if (page.length < PAGE || last === undefined) break;
      from = last;
    }
    this.add(fresh);
    return fresh;
  }

  #has(event: StoredEvent): boolean {
    return this.#recent[this.#firstAfter((event.stream ?? 0) - 1)]?.id === event.id;
  }

  #insert(event: StoredEvent): void {
    const { stream } = event;
    if (stream === undefined || stream <= this.#floor) return;
    const last = this.#recent.at(-1)?.stream ?? 0;
    if (stream > last) this.#recent.push(event);
    else if (!this.#has(event)) this.#recent.splice(this.#firstAfter(stream), 0, event);
  }

  /** Index of the first event above a position. */
  #firstAfter(stream: number): number {
    let low = 0;
    let high = this.#recent.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#recent[middle]?.stream ?? 0) > stream) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
