import * as z from 'zod/mini';

/** A message as the index holds it. */
export type Doc = { id: string; sender: string; ts: number; text: string };

export type Hit = {
  eventId: string;
  sender: string;
  ts: number;
  before: string;
  match: string;
  after: string;
};

const docSchema = z.object({ id: z.string(), sender: z.string(), ts: z.number(), text: z.string() });
const shardSchema = z.array(docSchema);

/** Longest text of a message that is searched, and most messages of a room. */
const maxText = 4_000;
const maxDocs = 200_000;
/** Messages that are stored together: one record of well under a megabyte. */
const shardSize = 200;
const around = 60;

/** Lower case without accents, so that "cafe" finds "Café". */
export const fold = (text: string): string =>
  text.normalize('NFD').replace(/\p{M}/gu, '').toLocaleLowerCase();

const hitIn = (doc: Doc, at: number, length: number): Hit => {
  // Positions in the folded text fit the original but for a few letters of other length: the mark may be off by one.
  const end = at + length;
  return {
    eventId: doc.id,
    sender: doc.sender,
    ts: doc.ts,
    before: (at > around ? '…' : '') + doc.text.slice(Math.max(0, at - around), at),
    match: doc.text.slice(at, end),
    after: doc.text.slice(end, end + around),
  };
};

/** Messages of one room in memory, cut into shards that are written when they changed. */
export class TextIndex {
  #docs: Doc[] = [];
  #folded: string[] = [];
  readonly #places = new Map<string, number>();
  readonly #dirty = new Set<number>();

  get size(): number {
    return this.#docs.length;
  }

  get shards(): number {
    return Math.ceil(this.#docs.length / shardSize);
  }

  /** Takes a stored shard in; they come in order. A shard that is not one leaves its messages out. */
  load(shard: unknown): void {
    const parsed = shardSchema.safeParse(shard);
    for (const doc of parsed.success ? parsed.data : []) this.#add(doc);
  }

  /** Adds a message, or changes the words of one that is there. */
  put(doc: Doc): void {
    const text = doc.text.slice(0, maxText);
    const place = this.#places.get(doc.id);
    if (place !== undefined) {
      this.#docs[place] = { ...doc, text };
      this.#folded[place] = fold(text);
      this.#dirty.add(Math.floor(place / shardSize));
    } else if (text !== '' && this.#docs.length < maxDocs) {
      this.#dirty.add(Math.floor(this.#docs.length / shardSize));
      this.#add({ ...doc, text });
    }
  }

  get(id: string): Doc | undefined {
    const place = this.#places.get(id);
    return place === undefined ? undefined : this.#docs[place];
  }

  /** A message was removed: its words go, its place stays. */
  remove(id: string): void {
    const doc = this.get(id);
    if (doc !== undefined) this.put({ ...doc, text: '' });
  }

  /** The shards that changed since the last time, by number. */
  takeDirty(): Map<number, Doc[]> {
    const dirty = new Map(
      [...this.#dirty].map((shard) => [shard, this.#docs.slice(shard * shardSize, (shard + 1) * shardSize)]),
    );
    this.#dirty.clear();
    return dirty;
  }

  /** Messages with this text, newest first. */
  search(text: string, max: number): Hit[] {
    const needle = fold(text);
    if (needle === '') return [];
    const found: { doc: Doc; at: number }[] = [];
    for (let place = 0; place < this.#folded.length; place += 1) {
      const at = this.#folded[place]?.indexOf(needle) ?? -1;
      const doc = at === -1 ? undefined : this.#docs[place];
      if (doc !== undefined) found.push({ doc, at });
    }
    return found
      .sort((a, b) => b.doc.ts - a.doc.ts)
      .slice(0, max)
      .map(({ doc, at }) => hitIn(doc, at, needle.length));
  }

  #add(doc: Doc): void {
    this.#places.set(doc.id, this.#docs.length);
    this.#docs.push(doc);
    this.#folded.push(fold(doc.text));
  }
}
