import type { mongo } from 'mongoose';
import { wordsOf } from '../../../domain/search/words.ts';
import type { DirectoryEntry, DirectoryQuery, UserDirectory } from '../../../ports/user-directory.ts';
import type { NamedIndex } from '../create-indexes.ts';
import { isDuplicateKey } from '../outage.ts';

export const USER_DIRECTORY = 'userDirectory';

type Row = {
  _id: string;
  name: string | null;
  avatar: string | null;
  words: string[];
  /** Was seen in a public room. */
  isPublic?: true;
  /** The name is that of a public room, or of this server's own profile. */
  isOpen?: true;
};

export const USER_DIRECTORY_INDEXES: readonly NamedIndex[] = [
  { name: 'user_public_words', key: { words: 1 }, partialFilterExpression: { isPublic: true } },
];

/** Words of a user that are kept. */
const MAX_WORDS = 30;
const MAX_TIME_MS = 5_000;
const BATCH = 1_000;

const escaped = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&');

const localpart = (userId: string): string => userId.slice(1, userId.indexOf(':'));

const fieldsOf = ({ userId, displayName, avatarUrl }: DirectoryEntry) => ({
  name: displayName ?? null,
  avatar: avatarUrl ?? null,
  words: [...new Set(wordsOf(`${displayName ?? ''} ${localpart(userId)}`, MAX_WORDS))],
});

const toEntry = ({ _id, name, avatar }: Row): DirectoryEntry => ({
  userId: _id,
  displayName: name ?? undefined,
  avatarUrl: avatar ?? undefined,
});

/** The user directory in MongoDB. */
export class MongoUserDirectory implements UserDirectory {
  readonly #rows: mongo.Collection<Row>;

  constructor(db: mongo.Db) {
    this.#rows = db.collection<Row>(USER_DIRECTORY);
  }

  async put(entry: DirectoryEntry): Promise<void> {
    const set = { ...fieldsOf(entry), isOpen: true as const };
    await this.#rows.updateOne({ _id: entry.userId }, { $set: set }, { upsert: true });
  }

  async see(entry: DirectoryEntry, inPublic: boolean): Promise<void> {
    const marks = inPublic ? { isPublic: true as const, isOpen: true as const } : {};
    // What a private room calls somebody does not replace what everybody may see.
    const where = inPublic ? { _id: entry.userId } : { _id: entry.userId, isOpen: { $exists: false } };
    try {
      await this.#rows.updateOne(where, { $set: { ...fieldsOf(entry), ...marks } }, { upsert: true });
    } catch (error) {
      if (inPublic || !isDuplicateKey(error)) throw error;
    }
  }

  async markPublic(userIds: readonly string[]): Promise<void> {
    for (let at = 0; at < userIds.length; at += BATCH) {
      const ids = userIds.slice(at, at + BATCH);
      await this.#rows.updateMany({ _id: { $in: ids } }, { $set: { isPublic: true } });
    }
  }

  async unmarkPublic(userId: string): Promise<void> {
    await this.#rows.updateOne({ _id: userId }, { $unset: { isPublic: '' } });
  }

  async remove(userId: string): Promise<void> {
    await this.#rows.deleteOne({ _id: userId });
  }

  async search({ words, idPrefix, among, limit }: DirectoryQuery): Promise<DirectoryEntry[]> {
    const prefixes = words.map((word) => ({ words: { $regex: `^${escaped(word)}` } }));
    const byId = idPrefix === undefined ? [] : [{ _id: { $regex: `^${escaped(idPrefix)}` } }];
    const ways: mongo.Filter<Row>[] = [...(prefixes.length === 0 ? [] : [{ $and: prefixes }]), ...byId];
    if (ways.length === 0) return [];
    const whom = among === undefined ? { isPublic: true as const } : { _id: { $in: [...among] } };
    const rows = await this.#rows
      .find({ $and: [whom, { $or: ways }] })
      .limit(limit)
      .maxTimeMS(MAX_TIME_MS)
      .toArray();
    return rows.map(toEntry);
  }
}
