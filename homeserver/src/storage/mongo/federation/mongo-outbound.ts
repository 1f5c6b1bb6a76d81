import type { JsonObject } from '@nyx/federation/json/value.ts';
import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { ServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import mongoose, { type mongo } from 'mongoose';
import type { Clock } from '../../../ports/clock.ts';
import type {
  DestinationState,
  OutboundItem,
  OutboundStore,
  QueuedItem,
} from '../../../ports/federation-stores.ts';
import type { NamedIndex } from '../create-indexes.ts';
import { isDuplicateKey } from '../outage.ts';

export const OUTBOUND_ITEMS = 'federation_outbound';
export const DESTINATIONS = 'federation_destinations';
const CURSORS = 'federation_cursors';

type ItemRow = {
  /** For an event, destination and event id: adding it twice adds it once. */
  _id: string;
  d: ServerName;
  /**
   * Order among those of its kind: for an event its place in the stream, whoever adds it and when; else milliseconds
   * since the epoch times {@link PER_MS} and a counter, which rise over a restart of the process too.
   */
  o: number;
  k: 'edu' | 'pdu';
  e?: EventId;
  j?: string;
  at: number;
};

type DestinationRow = {
  _id: ServerName;
  owner?: string;
  lockedUntil?: number;
  failures?: number;
  since?: number;
  retryAt?: number;
  txn?: { id: string; items: string[] };
};

type CursorRow = { _id: string; position: number };

/** Ephemeral messages that can be told apart within a millisecond; products stay below 2^53 until the year 2100. */
const PER_MS = 2_048;

export const OUTBOUND_INDEXES: readonly NamedIndex[] = [
  { name: 'federation_outbound_queue', key: { d: 1, k: 1, o: 1 } },
];

const CURSOR = 'events';

const toItem = (row: ItemRow): QueuedItem[] => {
  const base = { id: row._id, queuedAt: row.at };
  if (row.k === 'pdu' && row.e !== undefined) return [{ ...base, kind: 'pdu', eventId: row.e }];
  if (row.j === undefined) return [];
  return [{ ...base, kind: 'edu', edu: JSON.parse(row.j) as JsonObject }];
};

/** Queues to other servers, in MongoDB. */
export class MongoOutbound implements OutboundStore {
  readonly #items: mongo.Collection<ItemRow>;
  readonly #destinations: mongo.Collection<DestinationRow>;
  readonly #cursors: mongo.Collection<CursorRow>;
  readonly #clock: Clock;
  #lastEdu = 0;

  constructor(db: mongo.Db, clock: Clock) {
    this.#items = db.collection<ItemRow>(OUTBOUND_ITEMS);
    this.#destinations = db.collection<DestinationRow>(DESTINATIONS);
    this.#cursors = db.collection<CursorRow>(CURSORS);
    this.#clock = clock;
  }

  async add(destinations: readonly ServerName[], items: readonly OutboundItem[]): Promise<void> {
    const at = this.#clock.now();
    const rows = items.flatMap((item) =>
      item.kind === 'pdu'
        ? destinations.map((d): ItemRow => ({
            _id: `${d} ${item.eventId}`,
            d,
            o: item.order,
            k: 'pdu',
            e: item.eventId,
            at,
          }))
        : this.#eduRows(destinations, JSON.stringify(item.edu), at),
    );
    if (rows.length === 0) return;
    try {
      await this.#items.insertMany(rows, { ordered: false });
    } catch (error) {
      if (!isDuplicateKey(error)) throw error;
    }
  }

  async oldest(destination: ServerName, pdus: number, edus: number): Promise<readonly QueuedItem[]> {
    const of = (k: ItemRow['k'], limit: number) =>
      this.#items.find({ d: destination, k }).sort({ o: 1 }).limit(limit).toArray();
    const [events, ephemeral] = await Promise.all([of('pdu', pdus), of('edu', edus)]);
    return [...events, ...ephemeral].flatMap(toItem);
  }

  async items(ids: readonly string[]): Promise<readonly QueuedItem[]> {
    const rows = await this.#items.find({ _id: { $in: [...ids] } }).toArray();
    const byId = new Map(rows.map((row) => [row._id, row]));
    return ids.flatMap((id) => {
      const row = byId.get(id);
      return row === undefined ? [] : toItem(row);
    });
  }

  async remove(ids: readonly string[]): Promise<void> {
    if (ids.length > 0) await this.#items.deleteMany({ _id: { $in: [...ids] } });
  }

  async acquire(
    destination: ServerName,
    owner: string,
    until: number,
  ): Promise<DestinationState | undefined> {
    const now = this.#clock.now();
    const free = { $or: [{ lockedUntil: { $exists: false } }, { lockedUntil: { $lt: now } }] };
    try {
      const row = await this.#destinations.findOneAndUpdate(
        { _id: destination, ...free },
        { $set: { owner, lockedUntil: until } },
        { upsert: true, returnDocument: 'after' },
      );
      if (row === null) return undefined;
      const { failures = 0, since, retryAt = 0, txn: transaction } = row;
      return { failures, since, retryAt, transaction };
    } catch (error) {
      // The row is there and locked: the upsert tried to add a second one.
      if (isDuplicateKey(error)) return undefined;
      throw error;
    }
  }

  async update(destination: ServerName, owner: string, state: DestinationState): Promise<void> {
    const { failures, since, retryAt, transaction } = state;
    const unset = {
      ...(since === undefined ? { since: '' as const } : {}),
      ...(transaction === undefined ? { txn: '' as const } : {}),
    };
    await this.#destinations.updateOne(
      { _id: destination, owner },
      {
        $set: {
          failures,
          retryAt,
          ...(since === undefined ? {} : { since }),
          ...(transaction === undefined
            ? {}
            : { txn: { id: transaction.id, items: [...transaction.items] } }),
        },
        ...(Object.keys(unset).length === 0 ? {} : { $unset: unset }),
      },
    );
  }

  async release(destination: ServerName, owner: string): Promise<void> {
    await this.#destinations.updateOne(
      { _id: destination, owner },
      { $unset: { owner: '', lockedUntil: '' } },
    );
  }

  async releaseDead(isDead: (owner: string) => boolean): Promise<void> {
    const held = this.#destinations.find({ owner: { $exists: true } }, { projection: { owner: 1 } });
    for await (const { _id, owner = '' } of held) if (isDead(owner)) await this.release(_id, owner);
  }

  async wake(destination: ServerName): Promise<boolean> {
    const result = await this.#destinations.updateOne(
      { _id: destination, retryAt: { $gt: this.#clock.now() } },
      { $set: { retryAt: 0 } },
    );
    return result.modifiedCount > 0;
  }

  async waiting(limit: number): Promise<readonly ServerName[]> {
    const rows = await this.#items
      .aggregate<{ _id: ServerName }>([{ $group: { _id: '$d' } }, { $limit: limit }])
      .toArray();
    return rows.map(({ _id }) => _id);
  }

  #eduRows(destinations: readonly ServerName[], j: string, at: number): ItemRow[] {
    const o = Math.max(this.#lastEdu + 1, at * PER_MS);
    this.#lastEdu = o;
    // Two processes may take the same number: the ids differ all the same.
    const name = () => new mongoose.mongo.ObjectId().toHexString();
    return destinations.map((d) => ({ _id: `${d} ${name()}`, d, o, k: 'edu', j, at }));
  }

  async cursor(): Promise<number | undefined> {
    return (await this.#cursors.findOne({ _id: CURSOR }))?.position;
  }

  async moveCursor(from: number | undefined, to: number): Promise<void> {
    if (from === undefined) {
      const update = { $setOnInsert: { position: to } };
      await this.#cursors.updateOne({ _id: CURSOR }, update, { upsert: true });
      return;
    }
    await this.#cursors.updateOne({ _id: CURSOR, position: from }, { $set: { position: to } });
  }
}
