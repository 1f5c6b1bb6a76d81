import type { mongo } from 'mongoose';
import type { RegistrationToken, RegistrationTokenStore } from '../../../ports/accounts.ts';
import { isDuplicateKey } from '../outage.ts';

type Row = Omit<RegistrationToken, 'token'> & { _id: string };

const toToken = ({ _id, ...row }: Row): RegistrationToken => ({ token: _id, ...row });

/** Tokens that allow to register. Few, and named by the operator, so they are stored in clear. */
export class MongoRegistrationTokenStore implements RegistrationTokenStore {
  readonly #rows: mongo.Collection<Row>;

  constructor(db: mongo.Db) {
    this.#rows = db.collection<Row>('registrationTokens');
  }

  async add({ token, ...rest }: RegistrationToken): Promise<boolean> {
    try {
      await this.#rows.insertOne({ _id: token, ...rest });
      return true;
    } catch (error) {
      if (isDuplicateKey(error)) return false;
      throw error;
    }
  }

  async find(token: string): Promise<RegistrationToken | undefined> {
    const row = await this.#rows.findOne({ _id: token });
    return row === null ? undefined : toToken(row);
  }

  async list(): Promise<RegistrationToken[]> {
    return (await this.#rows.find().sort({ _id: 1 }).toArray()).map(toToken);
  }

  async use(token: string, now: number): Promise<RegistrationToken | undefined> {
    const row = await this.#rows.findOneAndUpdate(
      {
        _id: token,
        $and: [
          { $or: [{ expiresAt: { $exists: false } }, { expiresAt: { $gt: now } }] },
          { $or: [{ usesAllowed: { $exists: false } }, { $expr: { $lt: ['$used', '$usesAllowed'] } }] },
        ],
      },
      { $inc: { used: 1 } },
      { returnDocument: 'after' },
    );
    return row === null ? undefined : toToken(row);
  }

  async giveBack(token: string): Promise<void> {
    await this.#rows.updateOne({ _id: token, used: { $gt: 0 } }, { $inc: { used: -1 } });
  }

  async remove(token: string): Promise<boolean> {
    return (await this.#rows.deleteOne({ _id: token })).deletedCount === 1;
  }
}
