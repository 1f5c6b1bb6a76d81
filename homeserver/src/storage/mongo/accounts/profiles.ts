import type { mongo } from 'mongoose';
import type { Profile, ProfileStore } from '../../../ports/accounts.ts';

/** Keys may hold dots, which field names of the database should not: fields are stored as pairs. */
type Row = { _id: string; fields: { k: string; v: unknown }[] };

const toProfile = (row: Row): Profile => Object.fromEntries(row.fields.map(({ k, v }) => [k, v]));

/** Profiles of local users. A user without a row has an empty profile. */
export class MongoProfileStore implements ProfileStore {
  readonly #rows: mongo.Collection<Row>;

  constructor(db: mongo.Db) {
    this.#rows = db.collection<Row>('profiles');
  }

  async find(userId: string): Promise<Profile | undefined> {
    const row = await this.#rows.findOne({ _id: userId });
    return row === null ? undefined : toProfile(row);
  }

  async findMany(userIds: readonly string[]): Promise<ReadonlyMap<string, Profile>> {
    const rows = await this.#rows.find({ _id: { $in: [...userIds] } }).toArray();
    return new Map(rows.map((row) => [row._id, toProfile(row)]));
  }

  async set(userId: string, key: string, value: unknown): Promise<void> {
    const others = {
      $filter: { input: { $ifNull: ['$fields', []] }, cond: { $ne: ['$$this.k', { $literal: key }] } },
    };
    await this.#rows.updateOne(
      { _id: userId },
      [{ $set: { fields: { $concatArrays: [others, [{ k: { $literal: key }, v: { $literal: value } }]] } } }],
      { upsert: true },
    );
  }

  async unset(userId: string, key: string): Promise<void> {
    await this.#rows.updateOne({ _id: userId }, { $pull: { fields: { k: key } } });
  }

  async remove(userId: string): Promise<void> {
    await this.#rows.deleteOne({ _id: userId });
  }
}
