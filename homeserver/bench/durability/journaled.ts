import type { mongo } from 'mongoose';
import { registerUser } from '../matrix-client.ts';

export type JournaledFigures = {
  readonly sendsPerSecond: number;
  readonly plainPerSecond: number;
  /** What the store and its indexes grew by for each event, in bytes, compressed as they lie on disk. */
  readonly bytesPerEvent: number;
};

const TEXT = 'The quick brown fox jumps over the lazy dog, and does so in a sentence of ordinary length.';
const ROUNDS = 6;

type Document = mongo.Document & { _id: string };

/** Bytes of a collection with its indexes, uncompressed: what compression saves depends on the text. */
const bytesOf = async (db: mongo.Db, collection: string): Promise<number> => {
  const stats = await db.command({ collStats: collection });
  return Number(stats.size) + Number(stats.totalIndexSize);
};

/**
 * Sends one message after another over HTTP, and inserts the same documents, journaled, one after another into a plain
 * collection of the same mongod: in turns, so that what else the machine does hits both alike.
 */
export const benchJournaled = async (url: string, db: mongo.Db, count: number): Promise<JournaledFigures> => {
  const user = await registerUser(url, 'journaled', undefined);
  const room = await user.createRoom({ preset: 'private_chat' });
  for (let n = 0; n < 20; n++) await user.send(room, 'warm-up');
  const plain = db.collection<Document>('benchPlainEvents');
  const events = db.collection<Document>('events');
  const perRound = Math.ceil(count / ROUNDS);
  const before = await bytesOf(db, 'events');
  let ours = 0;
  let theirs = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const began = performance.now();
    for (let n = 0; n < perRound; n++) await user.send(room, TEXT);
    ours += performance.now() - began;
    const documents = await events.find({ r: room }).sort({ p: -1 }).limit(perRound).toArray();
    const inserting = performance.now();
    for (const document of documents)
      await plain.insertOne(document, { writeConcern: { w: 1, journal: true } });
    theirs += performance.now() - inserting;
  }
  const bytes = (await bytesOf(db, 'events')) - before;
  const total = perRound * ROUNDS;
  return {
    sendsPerSecond: (total * 1_000) / ours,
    plainPerSecond: (total * 1_000) / theirs,
    bytesPerEvent: bytes / total,
  };
};
