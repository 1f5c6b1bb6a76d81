import type { mongo } from 'mongoose';
import type { Listing, ListingStore } from '../../../ports/listings.ts';
import type { NamedIndex } from '../create-indexes.ts';

export const LISTINGS = 'listings';
export const LISTING_INDEXES: readonly NamedIndex[] = [
  { name: 'listing_expiry', key: { expireAt: 1 }, expireAfterSeconds: 0 },
];

/** Nothing in a row says whose it is: the name and the content's key come from a look-up under the server's key. */
type Row = { _id: string; card: string; expireAt: Date };

/** Sorts after every hexadecimal digit. */
const AFTER = 'g';

/** Rows by name. */
export class MongoListings implements ListingStore {
  readonly #rows: mongo.Collection<Row>;

  constructor(db: mongo.Db) {
    this.#rows = db.collection<Row>(LISTINGS);
  }

  async put({ id, card }: Listing, expireAt: number): Promise<void> {
    await this.#rows.updateOne(
      { _id: id },
      { $set: { card, expireAt: new Date(expireAt) } },
      { upsert: true },
    );
  }

  async remove(id: string): Promise<void> {
    await this.#rows.deleteOne({ _id: id });
  }

  async has(id: string): Promise<boolean> {
    return (await this.#rows.countDocuments({ _id: id }, { limit: 1 })) > 0;
  }

  async beginningWith(prefix: string, limit: number): Promise<readonly Listing[]> {
    const rows = await this.#rows
      .find({ _id: { $gte: prefix, $lt: `${prefix}${AFTER}` } })
      .sort({ _id: 1 })
      .limit(limit)
      .toArray();
    return rows.map(({ _id, card }) => ({ id: _id, card }));
  }

  async count(): Promise<number> {
    return this.#rows.estimatedDocumentCount();
  }
}
