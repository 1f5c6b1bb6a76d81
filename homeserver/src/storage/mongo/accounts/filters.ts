import type { mongo } from 'mongoose';
import type { FilterStore } from '../../../ports/accounts.ts';

type Row = { _id: string; filter: string };

const keyOf = (userId: string, filterId: string): string => `${userId} ${filterId}`;

/** Sync filters. Their ids come from their content, so storing one again changes nothing. */
export class MongoFilterStore implements FilterStore {
  readonly #rows: mongo.Collection<Row>;

  constructor(db: mongo.Db) {
    this.#rows = db.collection<Row>('filters');
  }

  async put(userId: string, filterId: string, filter: object): Promise<void> {
    await this.#rows.updateOne(
      { _id: keyOf(userId, filterId) },
      { $setOnInsert: { filter: JSON.stringify(filter) } },
      { upsert: true },
    );
  }

  async find(userId: string, filterId: string): Promise<object | undefined> {
    const row = await this.#rows.findOne({ _id: keyOf(userId, filterId) });
    return row === null ? undefined : (JSON.parse(row.filter) as object);
  }
}
