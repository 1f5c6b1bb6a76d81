import type { mongo } from 'mongoose';
import type { AuthSession, AuthSessionStore } from '../../../ports/accounts.ts';
import type { NamedIndex } from '../create-indexes.ts';

type Row = { _id: string; purpose: string; completed: string[]; expires: Date };

export const AUTH_SESSION_INDEXES: readonly NamedIndex[] = [
  { name: 'auth_session_expiry', key: { expires: 1 }, expireAfterSeconds: 0 },
];

/** Interactive authentications under way. The database removes those that were given up. */
export class MongoAuthSessionStore implements AuthSessionStore {
  readonly #rows: mongo.Collection<Row>;

  constructor(db: mongo.Db) {
    this.#rows = db.collection<Row>('authSessions');
  }

  async create({ id, purpose, completed }: AuthSession, expiresAt: number): Promise<void> {
    await this.#rows.insertOne({ _id: id, purpose, completed: [...completed], expires: new Date(expiresAt) });
  }

  async find(id: string): Promise<AuthSession | undefined> {
    const row = await this.#rows.findOne({ _id: id });
    return row === null ? undefined : { id: row._id, purpose: row.purpose, completed: row.completed };
  }

  async complete(id: string, stage: string): Promise<void> {
    await this.#rows.updateOne({ _id: id }, { $addToSet: { completed: stage } });
  }

  async consume(id: string): Promise<boolean> {
    return (await this.#rows.deleteOne({ _id: id })).deletedCount === 1;
  }
}
