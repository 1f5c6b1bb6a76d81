import type { JsonObject } from '@nyx/federation/json/value.ts';
import type { ClientSession, mongo } from 'mongoose';
import type {
  BackedUpKey,
  IsBetterKey,
  KeyBackup,
  KeyBackupStore,
  KeySelection,
} from '../../../ports/key-backup-store.ts';
import { isDuplicateKey } from '../outage.ts';
import type { Transact } from '../transaction.ts';
import type { KeyBackupRow, KeyBackupSessionRow } from './key-backup-collections.ts';
import { KEY_BACKUP_SESSIONS, KEY_BACKUPS } from './key-backup-collections.ts';

/** Keys looked at in one query. */
const CHUNK = 500;
const MAX_COLLISIONS = 5;

const backupId = (userId: string, version: string): string => `${userId}\n${version}`;

const toKey = ({ sessionData, ...row }: KeyBackupSessionRow): BackedUpKey => ({
  roomId: row.roomId,
  sessionId: row.sessionId,
  firstMessageIndex: row.firstMessageIndex,
  forwardedCount: row.forwardedCount,
  isVerified: row.isVerified,
  sessionData: JSON.parse(sessionData) as JsonObject,
});

const toRow = (backup: string, { sessionData, ...key }: BackedUpKey): KeyBackupSessionRow => ({
  _id: [backup, key.roomId, key.sessionId].join('\n'),
  backup,
  ...key,
  sessionData: JSON.stringify(sessionData),
});

const filterFor = (backup: string, { roomId, sessionId }: KeySelection) => ({
  backup,
  ...(roomId === undefined ? {} : { roomId }),
  ...(sessionId === undefined ? {} : { sessionId }),
});

/** Backups in MongoDB. Changes of keys and of the backup's etag are one transaction. */
export class MongoKeyBackupStore implements KeyBackupStore {
  readonly #backups: mongo.Collection<KeyBackupRow>;
  readonly #sessions: mongo.Collection<KeyBackupSessionRow>;
  readonly #transact: Transact;

  constructor(db: mongo.Db, transact: Transact) {
    this.#backups = db.collection(KEY_BACKUPS);
    this.#sessions = db.collection(KEY_BACKUP_SESSIONS);
    this.#transact = transact;
  }

  async create(userId: string, algorithm: string, authData: JsonObject): Promise<string> {
    for (let collisions = 0; ; collisions += 1) {
      const [newest] = await this.#backups.find({ userId }).sort({ number: -1 }).limit(1).toArray();
      const number = (newest?.number ?? 0) + 1;
      const version = String(number);
      try {
        await this.#backups.insertOne({
          _id: backupId(userId, version),
          userId,
          number,
          algorithm,
          authData: JSON.stringify(authData),
          changes: 0,
          deleted: false,
        });
        return version;
      } catch (error) {
        if (!isDuplicateKey(error) || collisions >= MAX_COLLISIONS) throw error;
      }
    }
  }

  async find(userId: string, version?: string): Promise<KeyBackup | undefined> {
    const filter = version === undefined ? { userId } : { _id: backupId(userId, version) };
    const [row] = await this.#backups
      .find({ ...filter, deleted: false })
      .sort({ number: -1 })
      .limit(1)
      .toArray();
    if (row === undefined) return undefined;
    return {
      version: String(row.number),
      algorithm: row.algorithm,
      authData: JSON.parse(row.authData) as JsonObject,
      etag: String(row.changes),
      count: await this.#sessions.countDocuments({ backup: row._id }),
    };
  }

  async setAuthData(userId: string, version: string, authData: JsonObject): Promise<void> {
    await this.#backups.updateOne(
      { _id: backupId(userId, version) },
      { $set: { authData: JSON.stringify(authData) } },
    );
  }

  async remove(userId: string, version: string): Promise<boolean> {
    const _id = backupId(userId, version);
    return this.#transact(async (session) => {
      const { modifiedCount } = await this.#backups.updateOne(
        { _id, deleted: false },
        { $set: { deleted: true, authData: '{}' } },
        { session },
      );
      await this.#sessions.deleteMany({ backup: _id }, { session });
      return modifiedCount === 1;
    });
  }

  async keys(userId: string, version: string, selection: KeySelection): Promise<readonly BackedUpKey[]> {
    const rows = await this.#sessions.find(filterFor(backupId(userId, version), selection)).toArray();
    return rows.map(toKey);
  }

  async putKeys(
    userId: string,
    version: string,
    keys: readonly BackedUpKey[],
    isBetter: IsBetterKey,
  ): Promise<void> {
    const backup = backupId(userId, version);
    for (let start = 0; start < keys.length; start += CHUNK) {
      const rows = keys.slice(start, start + CHUNK).map((key) => toRow(backup, key));
      await this.#transact((session) => this.#putChunk(backup, rows, isBetter, session));
    }
  }

  async removeKeys(userId: string, version: string, selection: KeySelection): Promise<void> {
    const backup = backupId(userId, version);
    await this.#transact(async (session) => {
      const { deletedCount } = await this.#sessions.deleteMany(filterFor(backup, selection), { session });
      if (deletedCount > 0) await this.#touch(backup, session);
    });
  }

  async #putChunk(
    backup: string,
    rows: readonly KeyBackupSessionRow[],
    isBetter: IsBetterKey,
    session: ClientSession,
  ): Promise<void> {
    const existing = new Map(
      (await this.#sessions.find({ _id: { $in: rows.map(({ _id }) => _id) } }, { session }).toArray()).map(
        (row) => [row._id, toKey(row)],
      ),
    );
    const better = rows.filter((row) => {
      const current = existing.get(row._id);
      return current === undefined || isBetter(toKey(row), current);
    });
    if (better.length === 0) return;
    await this.#sessions.bulkWrite(
      better.map((row) => ({
        replaceOne: { filter: { _id: row._id }, replacement: row, upsert: true },
      })),
      { session },
    );
    await this.#touch(backup, session);
  }

  async #touch(backup: string, session: ClientSession): Promise<void> {
    await this.#backups.updateOne({ _id: backup }, { $inc: { changes: 1 } }, { session });
  }
}
