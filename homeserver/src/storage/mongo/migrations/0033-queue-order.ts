import type { mongo } from 'mongoose';
import { OUTBOUND_ITEMS } from '../federation/mongo-outbound.ts';
import type { Migration } from '../migrations.ts';

type Row = { readonly _id: string; readonly o: unknown };

const BATCH = 1_000;

/**
 * Queues to other servers are in the order of the stream, not of insertion: what waits keeps its order, in front of
 * everything to come. Repeatable: only rows of the old kind are looked at, which sort behind the new ones.
 */
export const queueOrderMigration: Migration = {
  name: '0033-queue-order',
  up: async (db) => {
    const items = db.collection<Row>(OUTBOUND_ITEMS);
    const old = { o: { $type: 'objectId' as const } };
    let next = -(await items.countDocuments(old));
    let batch: mongo.AnyBulkWriteOperation<Row>[] = [];
    const flush = async () => {
      if (batch.length > 0) await items.bulkWrite(batch);
      batch = [];
    };
    for await (const { _id } of items.find(old, { projection: { _id: 1 } }).sort({ o: 1 })) {
      batch.push({ updateOne: { filter: { _id }, update: { $set: { o: next++ } } } });
      if (batch.length === BATCH) await flush();
    }
    await flush();
  },
};
