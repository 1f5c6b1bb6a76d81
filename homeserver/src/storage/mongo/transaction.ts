import mongoose from 'mongoose';
import type { ClientSession, Connection } from 'mongoose';

/** Longest a transaction is retried after transient errors, in ms. */
const TRANSACTION_TIMEOUT_MS = 20_000;

/** What runs several writes as one. Writers get their session from here and from nowhere else. */
export type Transact = <T>(work: (session: ClientSession) => Promise<T>) => Promise<T>;

/**
 * Runs `work` in a transaction and commits it. On write conflicts and other transient errors the driver runs `work`
 * again, so it must have no effects but its writes through `session`.
 */
export const createTransact =
  (connection: Connection): Transact =>
  async (work) => {
    const session = await connection.startSession();
    try {
      return await session.withTransaction(() => work(session), {
        readConcern: { level: 'snapshot' },
        writeConcern: new mongoose.mongo.WriteConcern('majority', undefined, true),
        timeoutMS: TRANSACTION_TIMEOUT_MS,
      });
    } finally {
      await session.endSession();
    }
  };
