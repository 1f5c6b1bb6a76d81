import { isTransient } from '../api/result.ts';
import type { ApiError, Result } from '../api/result.ts';
import { limits } from '../limits.ts';
import type { NyxDb, OutboxEntry } from '../store/db.ts';
import type { Content } from '../types.ts';

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
  db: NyxDb;
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
    if ((await this.#ports.db.count('outbox')) >= limits.outbox) throw new OutboxFull();
    await this.#ports.db.put('outbox', entry);
    this.#ports.onChange({ kind: 'added', entry });
    void this.#drain(entry.roomId);
    return entry;
  }

  /** Entries of a room, oldest first: the local echoes after a reload. */
  async pending(roomId: string): Promise<OutboxEntry[]> {
    return this.#ports.db.getAllFromIndex(
      'outbox',
      'byRoom',
      IDBKeyRange.bound([roomId, -Infinity], [roomId, Infinity]),
    );
  }

  /** Starts sending whatever is stored; call after start-up and when the network comes back. */
  async resume(): Promise<void> {
    this.#wake.abort();
    this.#wake = new AbortController();
    const rooms = new Set((await this.#ports.db.getAll('outbox')).map((entry) => entry.roomId));
    for (const roomId of rooms) void this.#drain(roomId);
  }

  /** Puts a failed entry back in line. */
  async retry(txnId: string): Promise<void> {
    const entry = await this.#ports.db.get('outbox', txnId);
    if (entry === undefined) return;
    const next: OutboxEntry = { ...entry, state: 'queued', error: undefined, attempts: 0 };
    await this.#ports.db.put('outbox', next);
    this.#ports.onChange({ kind: 'waiting', entry: next });
    void this.#drain(entry.roomId);
  }

  /** Drops an entry that has not been sent. */
  async cancel(txnId: string): Promise<void> {
    const entry = await this.#ports.db.get('outbox', txnId);
    if (entry === undefined) return;
    await this.#ports.db.delete('outbox', txnId);
    this.#ports.onChange({ kind: 'removed', entry });
  }

  stop(): void {
    this.#abort.abort();
    this.#wake.abort();
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
    this.#ports.onChange({ kind: 'sending', entry });
    const answer = await this.#ports.deliver(entry);
    if (this.#abort.signal.aborted) return;
    const current = await this.#ports.db.get('outbox', entry.txnId);
    if (answer.ok) {
      await this.#ports.db.delete('outbox', entry.txnId);
      this.#ports.onChange({ kind: 'sent', entry, eventId: answer.value });
      return;
    }
    if (current === undefined) return;
    if (isTransient(answer.error)) {
      const next: OutboxEntry = { ...current, attempts: current.attempts + 1, error: describe(answer.error) };
      await this.#ports.db.put('outbox', next);
      this.#ports.onChange({ kind: 'waiting', entry: next });
      const backoff = Math.min(retryMaxMs, retryBaseMs * 2 ** Math.min(next.attempts - 1, 10));
      await this.#ports.pause(
        answer.error.retryAfterMs ?? backoff,
        AbortSignal.any([this.#abort.signal, this.#wake.signal]),
      );
      return;
    }
    const failed: OutboxEntry = { ...current, state: 'failed', error: describe(answer.error) };
    await this.#ports.db.put('outbox', failed);
    this.#ports.onChange({ kind: 'failed', entry: failed });
  }
}

/** More unsent events than `limits.outbox`. */
export class OutboxFull extends Error {
  override readonly name = 'OutboxFull';
  readonly code = 'OUTBOX_FULL';
}
