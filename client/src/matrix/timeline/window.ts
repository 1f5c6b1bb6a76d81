import type { ApiError } from '../api/result.ts';
import { redactEvent, redactionTarget, relationOf } from '../events.ts';
import { limits } from '../limits.ts';
import type { RoomEvent } from '../types.ts';
import { clearEntries, isEncrypted } from './clear.ts';
import type { Decryptor, Entry } from './clear.ts';
import { Relations } from './relations.ts';
import type { TimelineSource } from './source.ts';

export type LoadState = { kind: 'idle' } | { kind: 'loading' } | { kind: 'error'; error: ApiError };

export type WindowPorts = {
  roomId: string;
  ownUserId: string;
  source: TimelineSource;
  decryptor: Decryptor;
  /** Called after every change, once. */
  onChange: () => void;
};

/** A page should bring this many rows; edits and reactions are none. */
const rowsPerLoad = 24;
const maxRounds = 5;

/**
 * The part of a room's timeline that is in memory: at most `limits.window` events, in order, decrypted before they
 * are inserted. Reaching the limit drops events at the other end, which are loaded again when they are wanted.
 */
export class TimelineWindow {
  entries: Entry[] = [];
  relations: Relations;
  /** True when the newest event of the room is in the window, so that live events belong at its end. */
  live = false;
  atStart = false;
  opening: LoadState = { kind: 'loading' };
  older: LoadState = { kind: 'idle' };
  newer: LoadState = { kind: 'idle' };
  readonly #ports: WindowPorts;
  readonly #ids = new Set<string>();
  /** Appends and re-decryptions one after another: two syncs in flight must not swap. */
  #turn: Promise<void> = Promise.resolve();

  constructor(ports: WindowPorts) {
    this.#ports = ports;
    this.relations = new Relations(ports.ownUserId);
  }

  /** Events that sync brings meanwhile wait for it: what the store did not hold yet is appended afterwards. */
  open(): Promise<void> {
    return this.#queue(() => this.#open());
  }

  async #open(): Promise<void> {
    this.opening = { kind: 'loading' };
    const answer = await this.#ports.source.open(limits.page);
    if (!answer.ok) {
      this.opening = { kind: 'error', error: answer.error };
      this.#ports.onChange();
      return;
    }
    await this.#insert(answer.value.events, 'start');
    this.live = answer.value.live;
    this.atStart = answer.value.atStart;
    this.opening = { kind: 'idle' };
    this.#ports.onChange();
  }

  async loadOlder(): Promise<void> {
    if (this.older.kind === 'loading' || this.atStart || this.opening.kind !== 'idle') return;
    this.older = { kind: 'loading' };
    this.#ports.onChange();
    let rows = 0;
    for (let round = 0; round < maxRounds && rows < rowsPerLoad && !this.atStart; round += 1) {
      const page = await this.#ports.source.older(limits.page);
      if (!page.ok) {
        this.older = { kind: 'error', error: page.error };
        this.#ports.onChange();
        return;
      }
      rows += await this.#insert(page.value.events, 'start');
      this.atStart = page.value.end;
    }
    // The far end goes once the reader has moved on from it.
    if (await this.#trim('newest')) this.live = false;
    this.older = { kind: 'idle' };
    this.#ports.onChange();
  }

  async loadNewer(): Promise<void> {
    if (this.newer.kind === 'loading' || this.live || this.opening.kind !== 'idle') return;
    this.newer = { kind: 'loading' };
    this.#ports.onChange();
    const page = await this.#ports.source.newer(limits.page);
    if (!page.ok) {
      this.newer = { kind: 'error', error: page.error };
      this.#ports.onChange();
      return;
    }
    await this.#insert(page.value.events, 'end');
    this.live = page.value.end;
    if (await this.#trim('oldest')) this.atStart = false;
    this.newer = { kind: 'idle' };
    this.#ports.onChange();
  }

  /** Live events, already stored. Ignored unless the window is at the live end (they are loaded when it gets there). */
  append(events: readonly RoomEvent[]): Promise<void> {
    return this.#queue(async () => {
      for (const event of events) this.#redact(event);
      if (this.live) {
        await this.#insert(events, 'end');
      } else {
        // Edits and reactions of shown events matter even when the newest rows are not shown.
        const related = events.filter((event) => this.#ids.has(relationOf(event.content)?.eventId ?? ''));
        for (const entry of await clearEntries(this.#ports.decryptor, this.#ports.roomId, related)) {
          this.relations.add(entry);
        }
      }
      this.#ports.onChange();
    });
  }

  /** Keys came: try these again, or all that wait. */
  retry(eventIds?: readonly string[]): Promise<void> {
    return this.#queue(async () => {
      const wanted = eventIds === undefined ? undefined : new Set(eventIds);
      const open = this.entries.filter(
        (entry) =>
          isEncrypted(entry.event) &&
          entry.clear.state !== 'decrypted' &&
          (wanted?.has(entry.event.event_id) ?? true),
      );
      if (open.length === 0) return;
      const again = await clearEntries(
        this.#ports.decryptor,
        this.#ports.roomId,
        open.map((entry) => entry.event),
      );
      const byId = new Map(again.map((entry) => [entry.event.event_id, entry]));
      this.entries = this.entries.map((entry) => byId.get(entry.event.event_id) ?? entry);
      for (const entry of again) this.relations.add(entry);
      this.#ports.onChange();
    });
  }

  has(eventId: string): boolean {
    return this.#ids.has(eventId);
  }

  #queue(work: () => Promise<void>): Promise<void> {
    const next = this.#turn.then(work);
    // The caller sees a rejection; the next in line must run all the same.
    this.#turn = next.catch(() => undefined);
    return next;
  }

  #redact(redaction: RoomEvent): void {
    const target = redactionTarget(redaction);
    if (target === undefined) return;
    this.entries = this.entries.map((entry) => {
      if (entry.event.event_id !== target) return entry;
      const event = redactEvent(entry.event, redaction);
      const next: Entry = { event, clear: { state: 'clear', type: event.type, content: event.content } };
      this.relations.add(next);
      return next;
    });
  }

  /** Inserts what is not there yet; answers how many rows came. */
  async #insert(events: readonly RoomEvent[], end: 'start' | 'end'): Promise<number> {
    const fresh = events.filter((event) => !this.#ids.has(event.event_id));
    const related = await this.#ports.source.related(
      fresh.filter((event) => event.state_key === undefined).map((event) => event.event_id),
    );
    const entries = await clearEntries(this.#ports.decryptor, this.#ports.roomId, fresh);
    for (const entry of await clearEntries(this.#ports.decryptor, this.#ports.roomId, related)) {
      this.relations.add(entry);
    }
    let rows = 0;
    for (const entry of entries) {
      this.#ids.add(entry.event.event_id);
      if (!this.relations.add(entry)) rows += 1;
    }
    this.entries = end === 'end' ? [...this.entries, ...entries] : [...entries, ...this.entries];
    if (end === 'end' && this.live && (await this.#trim('oldest'))) this.atStart = false;
    return rows;
  }

  /** Drops what is beyond the limit at one edge, where the source can bring it back. */
  async #trim(edge: 'oldest' | 'newest'): Promise<boolean> {
    const excess = this.entries.length - limits.window;
    if (excess <= 0) return false;
    const kept = edge === 'newest' ? this.entries.slice(0, -excess) : this.entries.slice(excess);
    const last = edge === 'newest' ? kept.at(-1) : kept.at(0);
    if (last === undefined || !(await this.#ports.source.rewind(edge, last.event.event_id))) return false;
    const dropped = edge === 'newest' ? this.entries.slice(-excess) : this.entries.slice(0, excess);
    for (const entry of dropped) this.#ids.delete(entry.event.event_id);
    this.entries = kept;
    return true;
  }
}
