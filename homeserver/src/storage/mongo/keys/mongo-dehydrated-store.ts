import type { JsonObject } from '@nyx/federation/json/value.ts';
import type { mongo } from 'mongoose';
import type { DehydratedDevice, DehydratedStore } from '../../../ports/dehydrated-store.ts';

type DehydratedRow = {
  /** The user id. */
  readonly _id: string;
  readonly deviceId?: string;
  /** Device data as JSON text. */
  readonly json?: string;
  /** Every device that was begun and is not known to be gone, the present one among them. */
  readonly begun: readonly string[];
};

export const DEHYDRATED_DEVICES = 'dehydratedDevices';

/** Dehydrated devices in MongoDB, one row per user. */
export class MongoDehydratedStore implements DehydratedStore {
  readonly #rows: mongo.Collection<DehydratedRow>;

  constructor(db: mongo.Db) {
    this.#rows = db.collection(DEHYDRATED_DEVICES);
  }

  async find(userId: string): Promise<DehydratedDevice | undefined> {
    const row = await this.#rows.findOne({ _id: userId });
    if (row?.deviceId === undefined || row.json === undefined) return undefined;
    return { deviceId: row.deviceId, deviceData: JSON.parse(row.json) as JsonObject };
  }

  async begin(userId: string, deviceId: string): Promise<readonly string[]> {
    const before = await this.#rows.findOneAndUpdate(
      { _id: userId },
      { $addToSet: { begun: deviceId } },
      { upsert: true, returnDocument: 'before' },
    );
    return before?.begun ?? [];
  }

  async finish(userId: string, { deviceId, deviceData }: DehydratedDevice): Promise<void> {
    await this.#rows.updateOne({ _id: userId }, { $set: { deviceId, json: JSON.stringify(deviceData) } });
  }

  async forget(userId: string, deviceIds: readonly string[]): Promise<void> {
    const gone = [...deviceIds];
    await this.#rows.updateOne({ _id: userId }, { $pullAll: { begun: gone } });
    await this.#rows.updateOne(
      { _id: userId, deviceId: { $in: gone } },
      { $unset: { deviceId: '', json: '' } },
    );
    await this.#rows.deleteOne({ _id: userId, deviceId: { $exists: false }, begun: { $size: 0 } });
  }
}
