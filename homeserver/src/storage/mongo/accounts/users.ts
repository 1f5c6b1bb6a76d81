import type { mongo } from 'mongoose';
import type { NewUser, User, UserChange, UserStore } from '../../../ports/accounts.ts';
import type { NamedIndex } from '../create-indexes.ts';
import { isDuplicateKey } from '../outage.ts';

/** Flags are stored only when they are set. */
type UserRow = {
  _id: string;
  createdAt: number;
  passwordHash?: string;
  isAdmin?: boolean;
  isGuest?: boolean;
  isSuspended?: boolean;
  isLocked?: boolean;
  deactivatedAt?: number;
};

export const USER_INDEXES: readonly NamedIndex[] = [
  { name: 'user_admin', key: { isAdmin: 1 }, sparse: true },
  { name: 'user_created', key: { createdAt: 1 } },
];

const toUser = (row: UserRow): User => ({
  userId: row._id,
  createdAt: row.createdAt,
  isAdmin: row.isAdmin ?? false,
  isGuest: row.isGuest ?? false,
  isSuspended: row.isSuspended ?? false,
  isLocked: row.isLocked ?? false,
  ...(row.passwordHash === undefined ? {} : { passwordHash: row.passwordHash }),
  ...(row.deactivatedAt === undefined ? {} : { deactivatedAt: row.deactivatedAt }),
});

/** Local accounts, by user id. A row is never removed: a name is given away once. */
export class MongoUserStore implements UserStore {
  readonly #users: mongo.Collection<UserRow>;

  constructor(db: mongo.Db) {
    this.#users = db.collection<UserRow>('users');
  }

  async add({ userId, createdAt, isAdmin, isGuest, passwordHash }: NewUser): Promise<boolean> {
    try {
      await this.#users.insertOne({
        _id: userId,
        createdAt,
        ...(passwordHash === undefined ? {} : { passwordHash }),
        ...(isAdmin ? { isAdmin } : {}),
        ...(isGuest ? { isGuest } : {}),
      });
      return true;
    } catch (error) {
      if (isDuplicateKey(error)) return false;
      throw error;
    }
  }

  async find(userId: string): Promise<User | undefined> {
    const row = await this.#users.findOne({ _id: userId });
    return row === null ? undefined : toUser(row);
  }

  async change(userId: string, change: UserChange): Promise<void> {
    await this.#users.updateOne({ _id: userId }, { $set: change });
  }

  async any(): Promise<boolean> {
    return (await this.#users.findOne({}, { projection: { _id: 1 } })) !== null;
  }
}
