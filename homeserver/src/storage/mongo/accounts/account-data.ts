import type { mongo } from 'mongoose';
import type { AccountDataEntry, AccountDataStore } from '../../../ports/accounts.ts';
import type { NamedIndex } from '../create-indexes.ts';
import { isDuplicateKey } from '../outage.ts';
import { FENCE_INDEX, fenceIndexes } from '../stream-leases.ts';

export const ACCOUNT_DATA_COLLECTION = 'accountData';

/** Content is kept as text: the client's keys may be anything, the database's may not. */
type Row = { userId: string; roomId: string; type: string; content: string; position: number };

export const ACCOUNT_DATA_INDEXES: readonly NamedIndex[] = [
  {
    name: 'account_data_entry',
    key: { userId: 1, roomId: 1, type: 1 },
    unique: true,
    partialFilterExpression: { userId: { $exists: true } },
  },
  { name: 'account_data_changes', key: { userId: 1, position: 1 } },
  ...fenceIndexes('position'),
];

const toEntry = ({ userId, roomId, type, content, position }: Row): AccountDataEntry => ({
  userId,
  roomId,
  type,
  content: JSON.parse(content) as AccountDataEntry['content'],
  position,
});

/** Account data, global and per room. */
export class MongoAccountDataStore implements AccountDataStore {
  readonly #rows: mongo.Collection<Row>;

  constructor(db: mongo.Db) {
    this.#rows = db.collection<Row>(ACCOUNT_DATA_COLLECTION);
  }

  async find(userId: string, roomId: string, type: string): Promise<AccountDataEntry | undefined> {
    const row = await this.#rows.findOne({ userId, roomId, type });
    return row === null ? undefined : toEntry(row);
  }

  async changed(userId: string, after: number, upTo: number): Promise<AccountDataEntry[]> {
    const rows = await this.#rows
      .find({ userId, position: { $gt: after, $lte: upTo } })
      .sort({ position: 1 })
      .toArray();
    return rows.map(toEntry);
  }

  async put(
    { userId, roomId, type, content, position }: AccountDataEntry,
    expected?: number,
  ): Promise<boolean> {
    const key = { userId, roomId, type };
    const text = JSON.stringify(content);
    try {
      if (expected === 0) {
        await this.#rows.insertOne({ ...key, content: text, position });
        return true;
      }
      const result = await this.#rows.updateOne(
        expected === undefined ? key : { ...key, position: expected },
        { $set: { content: text, position } },
        { upsert: expected === undefined },
      );
      return result.matchedCount + result.upsertedCount === 1;
    } catch (error) {
      // A refused position is the stream's business; a second first write is a lost race.
      if (isDuplicateKey(error, FENCE_INDEX) || !isDuplicateKey(error)) throw error;
      return expected === 0 ? false : this.put({ userId, roomId, type, content, position });
    }
  }
}
