import mongoose from 'mongoose';
import type { ClientSession, mongo } from 'mongoose';
import type { Clock } from '../../ports/clock.ts';
import type { JobRequest } from '../../ports/job-queue.ts';
import type { NamedIndex } from './create-indexes.ts';
import { isDuplicateKey } from './outage.ts';

/** A job waiting to be run, or being run. The row goes when the job is done. */
export type OutboxRow = {
  readonly _id: mongo.ObjectId;
  readonly name: string;
  readonly payload: unknown;
  /** Held by at most one waiting row; taken off when the job begins, so that later requests count again. */
  readonly key?: string;
  /** How many transactions asked for it again while it waited. */
  readonly asked?: number;
  readonly createdAt: Date;
  readonly dueAt: Date;
  /** When the relay last handed it to the queue; null when it has not. */
  readonly relayedAt: Date | null;
  readonly failedAt?: Date;
  readonly failure?: string;
};

const COLLECTION = 'outbox';
const idOf = (text: string): mongo.ObjectId => mongoose.mongo.ObjectId.createFromHexString(text);
/** How long failed jobs are kept for whoever looks into them. */
const FAILED_TTL_SECONDS = 7 * 86_400;

export const OUTBOX_INDEXES: readonly NamedIndex[] = [
  { name: 'outbox_waiting', key: { relayedAt: 1, dueAt: 1 } },
  { name: 'outbox_key', key: { key: 1 }, unique: true, partialFilterExpression: { key: { $exists: true } } },
  { name: 'outbox_failed', key: { failedAt: 1 }, sparse: true, expireAfterSeconds: FAILED_TTL_SECONDS },
];

/** The durable side of the job queues. */
export class Outbox {
  readonly #rows: mongo.Collection<OutboxRow>;
  readonly #clock: Clock;

  constructor(db: mongo.Db, clock: Clock) {
    this.#rows = db.collection<OutboxRow>(COLLECTION);
    this.#clock = clock;
  }

  /** Stores jobs; within `session`'s transaction when given, together with what caused them. */
  async add(requests: readonly JobRequest[], session?: ClientSession): Promise<void> {
    if (requests.length === 0) return;
    const now = this.#clock.now();
    const options = session === undefined ? {} : { session };
    const rows = requests.map(({ name, payload, key, delayMs = 0 }) => ({
      _id: new mongoose.mongo.ObjectId(),
      name,
      payload,
      ...(key === undefined ? {} : { key: `${name}:${key}` }),
      createdAt: new Date(now),
      dueAt: new Date(now + delayMs),
      relayedAt: null,
    }));
    const plain = rows.filter((row) => !('key' in row));
    if (plain.length > 0) await this.#rows.insertMany(plain, options);
    const upserts = rows.flatMap((row) =>
      'key' in row
        ? [
            {
              updateOne: {
                filter: { key: row.key },
                // Within a transaction the waiting row is touched: should its job begin before the commit, the two
                // conflict, and the transaction runs again. Else the job might see nothing of what it is to do.
                update: { $setOnInsert: row, ...(session === undefined ? {} : { $inc: { asked: 1 } }) },
                upsert: true,
              },
            },
          ]
        : [],
    );
    if (upserts.length === 0) return;
    // An upsert per key, not an insert: a duplicate-key error would abort the transaction.
    try {
      await this.#rows.bulkWrite(upserts, { ...options, ordered: false });
    } catch (error) {
      // Two upserts of one key at once: the job waits, which is all that was asked.
      if (session !== undefined || !isDuplicateKey(error)) throw error;
    }
  }

  /** Rows that are due and have not been handed over, oldest first. */
  due(limit: number): Promise<OutboxRow[]> {
    return this.#rows
      .find({ relayedAt: null, dueAt: { $lte: new Date(this.#clock.now()) }, failedAt: { $exists: false } })
      .sort({ dueAt: 1 })
      .limit(limit)
      .toArray();
  }

  async markRelayed(ids: readonly mongo.ObjectId[]): Promise<void> {
    await this.#rows.updateMany(
      { _id: { $in: [...ids] } },
      { $set: { relayedAt: new Date(this.#clock.now()) } },
    );
  }

  /** Forgets handovers older than `ageMs`: Redis may have lost them. Handing over twice does no harm. */
  async markLost(ageMs: number): Promise<number> {
    const before = new Date(this.#clock.now() - ageMs);
    const result = await this.#rows.updateMany(
      { relayedAt: { $lte: before }, failedAt: { $exists: false } },
      { $set: { relayedAt: null } },
    );
    return result.modifiedCount;
  }

  /** The job begins: what happens from now on needs another run, so its key is free again. False when it is gone. */
  async begin(id: string): Promise<boolean> {
    const result = await this.#rows.updateOne({ _id: idOf(id) }, { $unset: { key: '' } });
    return result.matchedCount === 1;
  }

  async done(id: string): Promise<void> {
    await this.#rows.deleteOne({ _id: idOf(id) });
  }

  async failed(id: string, failure: string): Promise<void> {
    await this.#rows.updateOne(
      { _id: idOf(id) },
      { $set: { failedAt: new Date(this.#clock.now()), failure } },
    );
  }

  /** Jobs not yet done, by name. */
  async countByName(): Promise<Record<string, number>> {
    const groups = await this.#rows
      .aggregate<{ _id: string; count: number }>([
        { $match: { failedAt: { $exists: false } } },
        { $group: { _id: '$name', count: { $sum: 1 } } },
      ])
      .toArray();
    return Object.fromEntries(groups.map(({ _id, count }) => [_id, count]));
  }
}
