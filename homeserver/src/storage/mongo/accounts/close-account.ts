import type { mongo } from 'mongoose';
import type { AccountCloser } from '../../../ports/account-closer.ts';
import type { Outbox } from '../outbox.ts';
import type { Transact } from '../transaction.ts';

/** The account and the job that makes it leave its rooms, or neither. */
export const mongoAccountCloser = (
  db: mongo.Db,
  transact: Transact,
  outbox: Outbox,
  job: string,
): AccountCloser => ({
  close: (userId, at, erase) =>
    transact(async (session) => {
      await db.collection<{ _id: string }>('users').updateOne(
        { _id: userId },
        {
          $set: { deactivatedAt: at, ...(erase ? { erased: true } : {}) },
          $unset: { passwordHash: '', isAdmin: '' },
        },
        { session },
      );
      await outbox.add([{ name: job, payload: { userId } }], session);
    }),
});
