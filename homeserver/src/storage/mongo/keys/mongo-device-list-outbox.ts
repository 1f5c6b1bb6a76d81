import type { ClientSession, mongo } from 'mongoose';
import type { DeviceChange } from '../../../ports/device-lists.ts';
import type { DeviceListOutbox, PendingDeviceChanges } from '../../../ports/device-list-outbox.ts';

type PendingRow = {
  /** The user id. */
  readonly _id: string;
  readonly counter: number;
  readonly deviceIds: readonly string[];
  readonly identity: boolean;
};

export const DEVICE_LIST_OUTBOX = 'deviceListOutbox';

/** Untold changes in MongoDB, one row per user. */
export class MongoDeviceListOutbox implements DeviceListOutbox {
  readonly #rows: mongo.Collection<PendingRow>;

  constructor(db: mongo.Db) {
    this.#rows = db.collection(DEVICE_LIST_OUTBOX);
  }

  /** Notes changes, within the transaction that makes them when given. */
  async note(
    userId: string,
    { deviceIds = [], identity = false }: DeviceChange,
    session?: ClientSession,
  ): Promise<void> {
    await this.#rows.updateOne(
      { _id: userId },
      {
        $addToSet: { deviceIds: { $each: [...deviceIds] } },
        $setOnInsert: { counter: 0, ...(identity ? {} : { identity: false }) },
        ...(identity ? { $set: { identity: true } } : {}),
      },
      { upsert: true, ...(session === undefined ? {} : { session }) },
    );
  }

  async pending(userId: string): Promise<PendingDeviceChanges | undefined> {
    const row = await this.#rows.findOne({ _id: userId });
    return row === null || (row.deviceIds.length === 0 && !row.identity) ? undefined : row;
  }

  async sent(userId: string, changes: PendingDeviceChanges, counter: number): Promise<void> {
    await this.#rows.updateOne(
      { _id: userId, counter: changes.counter },
      {
        $pullAll: { deviceIds: [...changes.deviceIds] },
        $set: { counter, ...(changes.identity ? { identity: false } : {}) },
      },
    );
  }

  async counter(userId: string): Promise<number> {
    return (await this.#rows.findOne({ _id: userId }))?.counter ?? 0;
  }
}
