import type { mongo } from 'mongoose';
import type { PluginStorage } from '../../../ports/plugin-storage.ts';
import type { NamedIndex } from '../create-indexes.ts';
import { isDuplicateKey } from '../outage.ts';
import type { Transact } from '../transaction.ts';

export const PLUGIN_VALUES = 'pluginValues';
export const PLUGIN_SPACES = 'pluginSpaces';
export const PLUGIN_SCHEDULES = 'pluginSchedules';

export const PLUGIN_VALUE_INDEXES: readonly NamedIndex[] = [
  { name: 'plugin_key', key: { plugin: 1, key: 1 }, unique: true },
];

type ValueRow = {
  readonly plugin: string;
  readonly key: string;
  readonly json: string;
  readonly bytes: number;
};
type Value = { readonly json: string; readonly bytes: number };
type SpaceRow = { readonly _id: string; readonly bytes: number };
type ScheduleRow = { readonly _id: string; readonly next: number };

const MAX_TRIES = 3;

/** Thrown inside the transaction to undo it. */
class SpaceFull extends Error {
  override readonly name = 'SpaceFull';
  readonly code = 'space_full';
}

/** Storage of plugins in MongoDB: a row per key, and a row per plugin that says how much it holds. */
export class MongoPluginStorage implements PluginStorage {
  readonly #transact: Transact;
  readonly #maxBytes: number;
  readonly #values: mongo.Collection<ValueRow>;
  readonly #spaces: mongo.Collection<SpaceRow>;
  readonly #schedules: mongo.Collection<ScheduleRow>;

  constructor(db: mongo.Db, transact: Transact, maxBytes: number) {
    this.#transact = transact;
    this.#maxBytes = maxBytes;
    this.#values = db.collection(PLUGIN_VALUES);
    this.#spaces = db.collection(PLUGIN_SPACES);
    this.#schedules = db.collection(PLUGIN_SCHEDULES);
  }

  async get(plugin: string, key: string): Promise<unknown> {
    const row = await this.#values.findOne({ plugin, key });
    return row === null ? undefined : JSON.parse(row.json);
  }

  set(plugin: string, key: string, value: Value): Promise<boolean> {
    return this.#set(plugin, key, value, 1);
  }

  async #set(plugin: string, key: string, value: Value, tries: number): Promise<boolean> {
    const { json, bytes } = value;
    try {
      await this.#transact(async (session) => {
        const before = await this.#values.findOneAndUpdate(
          { plugin, key },
          { $set: { json, bytes } },
          { upsert: true, returnDocument: 'before', session },
        );
        const space = await this.#spaces.findOneAndUpdate(
          { _id: plugin },
          { $inc: { bytes: bytes - (before?.bytes ?? 0) } },
          { upsert: true, returnDocument: 'after', session },
        );
        if ((space?.bytes ?? 0) > this.#maxBytes) throw new SpaceFull();
      });
      return true;
    } catch (error) {
      if (error instanceof SpaceFull) return false;
      // Two first writes at once: now the row is there.
      if (isDuplicateKey(error) && tries < MAX_TRIES) return this.#set(plugin, key, value, tries + 1);
      throw error;
    }
  }

  async delete(plugin: string, key: string): Promise<void> {
    await this.#transact(async (session) => {
      const row = await this.#values.findOneAndDelete({ plugin, key }, { session });
      if (row !== null)
        await this.#spaces.updateOne({ _id: plugin }, { $inc: { bytes: -row.bytes } }, { session });
    });
  }

  async list(plugin: string, prefix: string, after: string, limit: number): Promise<readonly string[]> {
    // Every key that begins with the prefix sorts before the prefix followed by the last code point.
    const range = { $gte: prefix, $gt: after, $lt: `${prefix}\u{10ffff}` };
    const rows = await this.#values
      .find({ plugin, key: range }, { projection: { _id: 0, key: 1 } })
      .sort({ key: 1 })
      .limit(limit)
      .toArray();
    return rows.map(({ key }) => key);
  }

  async claimDue(plugin: string, schedule: string, now: number, everyMs: number): Promise<boolean> {
    try {
      const { matchedCount, upsertedCount } = await this.#schedules.updateOne(
        { _id: `${plugin} ${schedule}`, next: { $lte: now } },
        { $set: { next: now + everyMs } },
        { upsert: true },
      );
      return matchedCount + upsertedCount > 0;
    } catch (error) {
      // The row is there, and not due.
      if (isDuplicateKey(error)) return false;
      throw error;
    }
  }
}
