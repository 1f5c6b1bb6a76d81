import type { mongo } from 'mongoose';
import type { GrantStore } from '../../../ports/accounts.ts';
import type { NamedIndex } from '../create-indexes.ts';

type Row = { _id: string; kind: 'login' | 'openid'; userId: string; expires: Date };

export const GRANT_INDEXES: readonly NamedIndex[] = [
  { name: 'grant_expiry', key: { expires: 1 }, expireAfterSeconds: 0 },
];

/** Login and OpenID tokens, by the hash of their text. */
export class MongoGrantStore implements GrantStore {
  readonly #rows: mongo.Collection<Row>;

  constructor(db: mongo.Db) {
    this.#rows = db.collection<Row>('grants');
  }

  async add(kind: Row['kind'], hash: string, userId: string, expiresAt: number): Promise<void> {
    await this.#rows.insertOne({ _id: hash, kind, userId, expires: new Date(expiresAt) });
  }

  async take(kind: 'login', hash: string, now: number): Promise<string | undefined> {
    const row = await this.#rows.findOneAndDelete({ _id: hash, kind, expires: { $gt: new Date(now) } });
    return row?.userId;
  }

  async find(kind: 'openid', hash: string, now: number): Promise<string | undefined> {
    const row = await this.#rows.findOne({ _id: hash, kind, expires: { $gt: new Date(now) } });
    return row?.userId;
  }
}
