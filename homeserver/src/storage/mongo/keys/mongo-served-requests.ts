import type { mongo } from 'mongoose';
import type { Clock } from '../../../ports/clock.ts';
import type { ServedRequests } from '../../../ports/served-requests.ts';
import type { ToDeviceRepeatRow } from './to-device-collection.ts';
import { TO_DEVICE_REPEATS } from './to-device-collection.ts';

/** Ids of served requests, for a day. */
export class MongoServedRequests implements ServedRequests {
  readonly #rows: mongo.Collection<ToDeviceRepeatRow>;
  readonly #clock: Clock;

  constructor(db: mongo.Db, clock: Clock) {
    this.#rows = db.collection(TO_DEVICE_REPEATS);
    this.#clock = clock;
  }

  async was(id: string): Promise<boolean> {
    return (await this.#rows.findOne({ _id: id }, { projection: { _id: 1 } })) !== null;
  }

  async mark(id: string): Promise<void> {
    await this.#rows.updateOne(
      { _id: id },
      { $setOnInsert: { servedAt: new Date(this.#clock.now()) } },
      { upsert: true, writeConcern: { w: 1, journal: false } },
    );
  }
}
