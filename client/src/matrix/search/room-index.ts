import * as z from 'zod/mini';
import { isRedacted, recordOf, redactionTarget, relationOf, replyTarget } from '../events.ts';
import type { NyxDb, StoredEvent } from '../store/db.ts';
import { bodyOf, plainText } from '../timeline/body.ts';
import { clearEntries } from '../timeline/clear.ts';
import type { Decryptor, Entry } from '../timeline/clear.ts';
import type { RoomEvent } from '../types.ts';
import { TextIndex } from './text-index.ts';
import type { Hit } from './text-index.ts';

/** Where the parts of an index lie. What stands behind it seals them: they are the room's words. */
export interface IndexStore {
  get(keys: readonly string[]): Promise<ReadonlyMap<string, unknown>>;
  put(entries: readonly { key: string; value: unknown }[]): Promise<void>;
}

const editSchema = z.object({ target: z.string(), sender: z.string(), ts: z.number(), text: z.string() });
type Edit = z.output<typeof editSchema>;

const manifestSchema = z.object({
  v: z.literal(1),
  shards: z.number(),
  /** What has been read: segment, first and last index of it. */
  read: z.array(z.tuple([z.number(), z.number(), z.number()])),
  /** Events whose keys had not come. */
  waiting: z.array(z.string()),
  /** Edits of messages that were not read yet. */
  edits: z.array(editSchema),
});

const batchSize = 400;
const keysPerLoad = 100;
const maxWaiting = 5_000;
const maxEdits = 5_000;
const maxHits = 200;

export type RoomIndexPorts = {
  db: NyxDb;
  decryptor: Decryptor;
  store: IndexStore;
  roomId: string;
};

/**
 * The searchable words of one room: read once from the stored timeline, decrypted, and kept (sealed), so that the next
 * search reads only what is new. Edits replace words, redactions remove them.
 */
export class RoomIndex {
  readonly #ports: RoomIndexPorts;
  readonly #texts = new TextIndex();
  readonly #read = new Map<number, { first: number; last: number }>();
  readonly #waiting = new Set<string>();
  readonly #edits = new Map<string, Edit>();

  private constructor(ports: RoomIndexPorts) {
    this.#ports = ports;
  }

  /** Reads what is kept of a room's index; an unreadable one is begun anew. */
  static async open(ports: RoomIndexPorts): Promise<RoomIndex> {
    const index = new RoomIndex(ports);
    const name = `${ports.roomId}|m`;
    const manifest = manifestSchema.safeParse((await ports.store.get([name])).get(name));
    if (!manifest.success) return index;
    const keys = Array.from({ length: manifest.data.shards }, (_, shard) => index.#shardKey(shard));
    for (let from = 0; from < keys.length; from += keysPerLoad) {
      const part = keys.slice(from, from + keysPerLoad);
      const found = await ports.store.get(part);
      // One that is gone would leave a hole that nothing fills: all of it is read again.
      if (part.some((key) => !found.has(key))) return new RoomIndex(ports);
      for (const key of part) index.#texts.load(found.get(key));
    }
    for (const [segment, first, last] of manifest.data.read) index.#read.set(segment, { first, last });
    for (const id of manifest.data.waiting) index.#waiting.add(id);
    for (const edit of manifest.data.edits) index.#edits.set(edit.target, edit);
    return index;
  }

  /** Messages with this text, newest first. */
  search(text: string): Hit[] {
    return this.#texts.search(text, maxHits);
  }

  get size(): number {
    return this.#texts.size;
  }

  /** Reads what is stored and not read yet, newest first. `report` hears of every batch. */
  async update(signal: AbortSignal, report: () => void): Promise<void> {
    const { db, roomId } = this.#ports;
    await this.#retry();
    // A function, so that the type checker does not take an earlier look for the truth.
    const stopped = (): boolean => signal.aborted;
    const newest = (await db.get('rooms', roomId))?.segment ?? 0;
    for (let segment = newest; segment >= 0 && !stopped(); segment -= 1) {
      // New events above what was read, then older ones below it.
      for (const direction of ['next', 'prev'] as const) {
        for (;;) {
          const rows = stopped() ? [] : await this.#rows(segment, direction);
          if (rows.length === 0) break;
          await this.#take(rows.map((row) => row.ev));
          this.#covered(segment, rows);
          await this.#save();
          report();
        }
      }
    }
  }

  #shardKey(shard: number): string {
    return `${this.#ports.roomId}|${shard}`;
  }

  async #rows(segment: number, direction: 'next' | 'prev'): Promise<StoredEvent[]> {
    const { db, roomId } = this.#ports;
    const read = this.#read.get(segment);
    if (read === undefined && direction === 'next') return [];
    const range =
      read === undefined
        ? IDBKeyRange.bound([roomId, segment, -Infinity], [roomId, segment, Infinity])
        : direction === 'next'
          ? IDBKeyRange.bound([roomId, segment, read.last], [roomId, segment, Infinity], true)
          : IDBKeyRange.bound([roomId, segment, -Infinity], [roomId, segment, read.first], false, true);
    const rows: StoredEvent[] = [];
    let cursor = await db.transaction('events').store.openCursor(range, direction);
    while (cursor !== null && rows.length < batchSize) {
      rows.push(cursor.value);
      cursor = await cursor.continue();
    }
    return rows;
  }

  #covered(segment: number, rows: readonly StoredEvent[]): void {
    const places = rows.map((row) => row.i);
    const read = this.#read.get(segment);
    this.#read.set(segment, {
      first: Math.min(...places, read?.first ?? Infinity),
      last: Math.max(...places, read?.last ?? -Infinity),
    });
  }

  async #take(events: readonly RoomEvent[]): Promise<void> {
    const { decryptor, roomId } = this.#ports;
    for (const event of events) {
      const removed = redactionTarget(event);
      if (removed !== undefined) this.#texts.remove(removed);
    }
    const said = events.filter((event) => event.state_key === undefined && !isRedacted(event));
    for (const entry of await clearEntries(decryptor, roomId, said)) this.#index(entry);
  }

  #index({ event, clear }: Entry): void {
    const id = event.event_id;
    if (clear.state !== 'clear' && clear.state !== 'decrypted') {
      const hopeful = clear.state === 'waiting' || clear.state === 'pending';
      if (hopeful && this.#waiting.size < maxWaiting) this.#waiting.add(id);
      else if (!hopeful) this.#waiting.delete(id);
      return;
    }
    this.#waiting.delete(id);
    if (clear.type !== 'm.room.message' && !clear.type.endsWith('poll.start')) return;
    const { sender, origin_server_ts: ts } = event;
    const relation = relationOf(event.content);
    if (relation?.type === 'm.replace') {
      const content = recordOf(clear.content['m.new_content']) ?? {};
      this.#edit({
        target: relation.eventId,
        sender,
        ts,
        text: plainText(bodyOf(clear.type, content, false)),
      });
      return;
    }
    const isReply = replyTarget(event.content) !== undefined;
    this.#texts.put({ id, sender, ts, text: plainText(bodyOf(clear.type, clear.content, isReply)) });
    const edit = this.#edits.get(id);
    if (edit?.sender === sender) this.#edit(edit);
  }

  /** The newest edit by the message's own sender counts (client-server API, "Event replacements"). */
  #edit(edit: Edit): void {
    const doc = this.#texts.get(edit.target);
    if (doc?.sender === edit.sender) this.#texts.put({ ...doc, text: edit.text });
    const known = this.#edits.get(edit.target);
    if (known !== undefined && known.ts > edit.ts) {
      if (doc?.sender === known.sender) this.#texts.put({ ...doc, text: known.text });
      return;
    }
    if (known !== undefined || this.#edits.size < maxEdits) this.#edits.set(edit.target, edit);
  }

  /** Keys may have come for what could not be read. */
  async #retry(): Promise<void> {
    const { db, roomId } = this.#ports;
    const ids = [...this.#waiting];
    for (let from = 0; from < ids.length; from += batchSize) {
      const rows = await Promise.all(
        ids.slice(from, from + batchSize).map((id) => db.getFromIndex('events', 'byId', [roomId, id])),
      );
      await this.#take(rows.filter((row) => row !== undefined).map((row) => row.ev));
    }
    if (this.#waiting.size < ids.length) await this.#save();
  }

  async #save(): Promise<void> {
    const shards = [...this.#texts.takeDirty()].map(([shard, value]) => ({
      key: this.#shardKey(shard),
      value,
    }));
    const manifest: z.output<typeof manifestSchema> = {
      v: 1,
      shards: this.#texts.shards,
      read: [...this.#read].map(([segment, { first, last }]) => [segment, first, last]),
      waiting: [...this.#waiting],
      edits: [...this.#edits.values()],
    };
    await this.#ports.store.put([...shards, { key: `${this.#ports.roomId}|m`, value: manifest }]);
  }
}
