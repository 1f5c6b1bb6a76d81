import mongoose, { type mongo } from 'mongoose';
import type { JsonObject } from '@nyx/federation/json/value.ts';
import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { StoredEvent } from '../../../domain/events/stored-event.ts';
import type { AppendFailure, AppendOutcome, EventAppender } from '../../../ports/event-store.ts';
import { toDocument, type EventDocument } from './event-document.ts';
import { EVENTS, EVENTS_APART } from './event-indexes.ts';

const DUPLICATE_KEY = 11_000;

const FAILURES: Readonly<Record<string, AppendFailure>> = {
  room_position: 'position',
  transaction: 'transaction',
  _id_: 'event',
};

/** The unique index that refused a write, from the server's message; the stream's own fence is the caller's. */
const refusedBy = (message: string | undefined): AppendFailure | undefined =>
  FAILURES[/ index: (\S+)/.exec(message ?? '')?.[1] ?? ''];

/** Writes events to MongoDB. */
export class MongoEventAppender implements EventAppender {
  readonly #events: mongo.Collection<EventDocument>;

  readonly #apart: mongo.Collection<EventDocument>;

  /** Both collections' writes are journaled before they are acknowledged. */
  constructor(db: mongo.Db) {
    this.#events = db.collection<EventDocument>(EVENTS);
    this.#apart = db.collection<EventDocument>(EVENTS_APART);
  }

  async append(events: readonly StoredEvent[]): Promise<AppendOutcome> {
    try {
      await this.#insert(events);
      return { stored: events.length };
    } catch (error) {
      if (!(error instanceof mongoose.mongo.MongoServerError)) throw error;
      const first = firstWriteError(error);
      const failure = first?.code === DUPLICATE_KEY ? refusedBy(first.errmsg) : undefined;
      if (first === undefined || failure === undefined) throw error;
      return { stored: first.index, failure };
    }
  }

  async #insert(events: readonly StoredEvent[]): Promise<void> {
    const [only] = events;
    // The driver's bulk machinery costs as much as all else that it does for one document.
    if (events.length === 1 && only !== undefined) await this.#events.insertOne(toDocument(only));
    else await this.#events.insertMany(events.map(toDocument), { ordered: true });
  }

  async putApart(events: readonly StoredEvent[]): Promise<void> {
    if (events.length === 0) return;
    const operations = events.map((event) => {
      const { _id, ...rest } = toDocument(event);
      return { replaceOne: { filter: { _id }, replacement: rest, upsert: true } };
    });
    await this.#apart.bulkWrite(operations, { ordered: false });
  }

  async redact(id: EventId, redactedBy: EventId, body: JsonObject): Promise<void> {
    await this.#events.updateOne(
      { _id: id },
      { $set: { j: JSON.stringify(body), rb: redactedBy }, $unset: { rt: 1, rk: 1 } },
    );
  }

  async closeGap(id: EventId): Promise<void> {
    await this.#events.updateOne({ _id: id }, { $unset: { gap: 1 } });
  }
}

type WriteFailure = Pick<mongo.WriteError, 'code' | 'errmsg' | 'index'>;

/** The write at which an insert stopped. */
function firstWriteError(error: mongo.MongoServerError): WriteFailure | undefined {
  if (!(error instanceof mongoose.mongo.MongoBulkWriteError)) {
    return typeof error.code === 'number' ? { code: error.code, errmsg: error.message, index: 0 } : undefined;
  }
  // The driver's type leaves open whether it is one or several.
  const errors = error.writeErrors as WriteFailure | readonly WriteFailure[];
  return 'code' in errors ? errors : errors[0];
}
