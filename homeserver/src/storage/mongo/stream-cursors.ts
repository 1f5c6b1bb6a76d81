import type { mongo } from 'mongoose';
import type { StreamCursors } from '../../ports/stream-cursors.ts';
import { STREAM_CURSORS } from './keys/mongo-departure-store.ts';

type Row = { readonly _id: string; readonly position: number };

/** Cursors in MongoDB, one row each. */
export const mongoStreamCursors = (db: mongo.Db): StreamCursors => {
  const rows = db.collection<Row>(STREAM_CURSORS);
  return {
    get: async (name) => (await rows.findOne({ _id: name }))?.position ?? 0,
    move: async (name, to) => {
      await rows.updateOne(
        { _id: name },
        { $max: { position: to } },
        { upsert: true, writeConcern: { w: 1, journal: false } },
      );
    },
  };
};
