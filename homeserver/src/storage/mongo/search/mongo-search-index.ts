import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { mongo } from 'mongoose';
import type { SearchEntry, SearchIndex, SearchQuery } from '../../../ports/search-index.ts';
import type { NamedIndex } from '../create-indexes.ts';

export const SEARCH = 'searchIndex';

/** Names are short: every message has a row. */
type Row = { _id: EventId; r: RoomId; u: string; t: string; s: number; w: string[] };

export const SEARCH_INDEXES: readonly NamedIndex[] = [{ name: 'search_words', key: { w: 1, r: 1, s: -1 } }];

/** Longest time for one search, in ms. */
const MAX_TIME_MS = 5_000;

/**
 * Words of messages in MongoDB: an index of our own making, because MongoDB's text indexes cannot be limited to the
 * rooms of a user before they are scored.
 */
export class MongoSearchIndex implements SearchIndex {
  readonly #rows: mongo.Collection<Row>;

  constructor(db: mongo.Db) {
    this.#rows = db.collection<Row>(SEARCH);
  }

  async add(entries: readonly SearchEntry[]): Promise<void> {
    if (entries.length === 0) return;
    await this.#rows.bulkWrite(
      entries.map(({ event, room, sender, type, stream, words }) => ({
        replaceOne: {
          filter: { _id: event },
          replacement: { r: room, u: sender, t: type, s: stream, w: [...words] },
          upsert: true,
        },
      })),
      // What a crash takes is indexed again: the cursor is written after it, into the same journal.
      { ordered: false, writeConcern: { w: 1, journal: false } },
    );
  }

  async remove(events: readonly EventId[]): Promise<void> {
    if (events.length > 0) await this.#rows.deleteMany({ _id: { $in: [...events] } });
  }

  async find({ words, rooms, types, senders, below, limit }: SearchQuery) {
    const rows = await this.#rows
      .find(
        {
          w: { $all: [...words] },
          r: { $in: [...rooms] },
          t: { $in: [...types] },
          ...(senders === undefined ? {} : { u: { $in: [...senders] } }),
          ...(below === undefined ? {} : { s: { $lt: below } }),
        },
        { projection: { s: 1 } },
      )
      .sort({ s: -1 })
      .limit(limit)
      .hint('search_words')
      .maxTimeMS(MAX_TIME_MS)
      .toArray();
    return rows.map(({ _id, s }) => ({ event: _id, stream: s }));
  }
}
