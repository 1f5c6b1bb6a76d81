import { isTransient } from '../api/result.ts';
import type { ApiError, Result } from '../api/result.ts';
import { limits } from '../limits.ts';
import type { Content } from '../types.ts';
import type { OutboxEntry, OutboxStore } from './outbox.ts';

/** What became of an entry; the timeline shows it as the local echo's state. */
export type OutboxChange =
  | { kind: 'added'; entry: OutboxEntry }
  | { kind: 'sending'; entry: OutboxEntry }
  | { kind: 'waiting'; entry: OutboxEntry }
  | { kind: 'failed'; entry: OutboxEntry }
  | { kind: 'sent'; entry: OutboxEntry; eventId: string }
  | { kind: 'removed'; entry: OutboxEntry };

export type SendOutcome = Result<string>;

export type SendQueuePorts = {
  store: OutboxStore;
  /** Encrypts where the room asks for it, and sends. Must be safe to repeat with the same entry (transaction ids). */
  deliver: (entry: OutboxEntry) => Promise<SendOutcome>;
  onChange: (change: OutboxChange) => void;
  now: () => number;
  newTxnId: () => string;
  pause: (ms: number, signal: AbortSignal) => Promise<void>;
};

const retryBaseMs = 1_000;
const retryMaxMs = 60_000;

const describe = (error: ApiError): string => (error.code === '' ? error.kind : error.code);

/**
 * Outgoing events, stored before anything else happens, delivered one after another in each room. A reload or an
 * outage loses nothing: what is stored is sent when the network is back. A refusal (403, 413 ...) stops that one
 * entry as `failed`, with retry and delete left to the person, and lets those after it pass.
 */
export class SendQueue {
  readonly #ports: SendQueuePorts;
  readonly #abort = new AbortController();
  readonly #busy = new Set<string>();
  /** What the store holds, oldest first; read once. */
  #entries: Promise<Map<string, OutboxEntry>> | undefined;
  #wake = new AbortController();

  constructor(ports: SendQueuePorts) {
    this.#ports = ports;
  }

  /** Stores an event for sending; resolves when it is safe on disk. */
  async add(input: {
    roomId: string;
    type: string;
    content: Content;
    kind?: OutboxEntry['kind'];
  }): Promise<OutboxEntry> {
    const entry: OutboxEntry = {
      txnId: this.#ports.newTxnId(),
      roomId: input.roomId,
      kind: input.kind ?? 'event',
      type: input.type,
      content: input.content,
      createdAt: this.#ports.now(),
      attempts: 0,
      state: 'queued',
      error: undefined,
    };
    if ((await this.#all()).size >= limits.outbox) throw new OutboxFull();
    await this.#put(entry);
    this.#ports.onChange({ kind: 'added', entry });
    void this.#drain(entry.roomId);
    return entry;
  }

  /** Entries of a room, oldest first: the local echoes after a reload. */
  async pending(roomId: string): Promise<OutboxEntry[]> {
    return [...(await this.#all()).values()]
      .filter((entry) => entry.roomId === roomId)
      .sort((one, other) => one.createdAt - other.createdAt);
  }

  /** Starts sending whatever is stored; call after start-up and when the network comes back. */
  async resume(): Promise<void> {
    this.#wake.abort();
    this.#wake = new AbortController();
    const rooms = new Set([...(await this.#all()).values()].map((entry) => entry.roomId));
    for (const roomId of rooms) void this.#drain(roomId);
  }

  /** Puts a failed entry back in line. */
  async retry(txnId: string): Promise<void> {
    const entry = (await this.#all()).get(txnId);
    if (entry === undefined) return;
    const next: OutboxEntry = { ...entry, state: 'queued', error: undefined, attempts: 0 };
    await this.#put(next);
    this.#ports.onChange({ kind: 'waiting', entry: next });
    void this.#drain(entry.roomId);
  }

  /** Drops an entry that has not been sent. */
  async cancel(txnId: string): Promise<void> {
    const entry = (await this.#all()).get(txnId);
    if (entry === undefined) return;
    await this.#remove(txnId);
    this.#ports.onChange({ kind: 'removed', entry });
  }

  stop(): void {
    this.#abort.abort();
    this.#wake.abort();
  }

  async #all(): Promise<Map<string, OutboxEntry>> {
    this.#entries ??= this.#ports.store
      .load()
      .then((entries) => new Map(entries.map((entry) => [entry.txnId, entry] as const)));
    try {
      return await this.#entries;
    } catch (error) {
      // A store that could not be read is asked again the next time.
      this.#entries = undefined;
      throw error;
    }
  }

  /** On disk first: what is in memory alone would be lost by a reload. */
  async #put(entry: OutboxEntry): Promise<void> {
    await this.#ports.store.put(entry);
    (await this.#all()).set(entry.txnId, entry);
  }

  async #remove(txnId: string): Promise<void> {
    (await this.#all()).delete(txnId);
    await this.#ports.store.remove(txnId);
  }

  async #drain(roomId: string): Promise<void> {
    if (this.#busy.has(roomId)) return;
    this.#busy.add(roomId);
    try {
      while (!this.#abort.signal.aborted) {
        const entry = (await this.pending(roomId)).find((one) => one.state === 'queued');
        if (entry === undefined) break;
        await this.#deliver(entry);
      }
    } finally {
      this.#busy.delete(roomId);
    }
    // One added between the last look and the release of the flag would otherwise wait for the next.
    if (!this.#abort.signal.aborted && (await this.pending(roomId)).some((one) => one.state === 'queued')) {
      void this.#drain(roomId);
    }
  }

  async #deliver(entry: OutboxEntry): Promise<void> {
    // Taken before the try: who wakes the queue while it is under way means the next one, which then comes at once.
    const wake = this.#wake.signal;
    this.#ports.onChange({ kind: 'sending', entry });
    const answer = await this.#ports.deliver(entry);
    if (this.#abort.signal.aborted) return;
    const current = (await this.#all()).get(entry.txnId);
    if (answer.ok) {
      await this.#remove(entry.txnId);
      this.#ports.onChange({ kind: 'sent', entry, eventId: answer.value });
      return;
    }
    if (current === undefined) return;
    if (isTransient(answer.error)) {
      const next: OutboxEntry = { ...current, attempts: current.attempts + 1, error: describe(answer.error) };
      await this.#put(next);
      this.#ports.onChange({ kind: 'waiting', entry: next });
      const backoff = Math.min(retryMaxMs, retryBaseMs * 2 ** Math.min(next.attempts - 1, 10));
      await this.#ports.pause(
        answer.error.retryAfterMs ?? backoff,
        AbortSignal.any([this.#abort.signal, wake]),
      );
      return;
    }
    const failed: OutboxEntry = { ...current, state: 'failed', error: describe(answer.error) };
    await this.#put(failed);
    this.#ports.onChange({ kind: 'failed', entry: failed });
  }
}

/** More unsent events than `limits.outbox`. */
export class OutboxFull extends Error {
  override readonly name = 'OutboxFull';
  readonly code = 'OUTBOX_FULL';
}
