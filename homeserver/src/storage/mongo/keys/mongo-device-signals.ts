import type { mongo } from 'mongoose';
import { deviceName, deviceWakeKey } from '../../../domain/e2ee/device-id.ts';
import type { Clock } from '../../../ports/clock.ts';
import type { DeviceRef } from '../../../ports/device-key-store.ts';
import type { DeviceSignals } from '../../../ports/device-signals.ts';
import type { Notifier } from '../../../ports/notifier.ts';
import type { StreamPositions } from '../../../ports/stream-positions.ts';
import type { DeviceSignalRow } from './key-collections.ts';
import { DEVICE_SIGNALS } from './key-collections.ts';

export type DeviceSignalsDeps = {
  readonly db: mongo.Db;
  readonly clock: Clock;
  readonly stream: StreamPositions;
  readonly notifier: Notifier;
};

/** One row per device with the position of the newest request for keys. */
export class MongoDeviceSignals implements DeviceSignals {
  readonly #deps: DeviceSignalsDeps;
  readonly #rows: mongo.Collection<DeviceSignalRow>;

  constructor(deps: DeviceSignalsDeps) {
    this.#deps = deps;
    this.#rows = deps.db.collection(DEVICE_SIGNALS);
  }

  async ask(device: DeviceRef, isReminder: boolean): Promise<number | undefined> {
    const { stream, clock, notifier } = this.#deps;
    const { position, before } = await stream.write(1, async ([reserved = 0]) => ({
      position: reserved,
      before: await this.#rows.findOneAndUpdate(
        { _id: deviceName(device) },
        {
          $set: { position: reserved, askedAt: new Date(clock.now()) },
          $inc: { times: isReminder ? 1 : 0 },
        },
        { upsert: true, returnDocument: 'before' },
      ),
    }));
    notifier.publish([deviceWakeKey(device)], position);
    return before?.askedAt.getTime();
  }

  async askedSince(device: DeviceRef, from: number): Promise<boolean> {
    const row = await this.#rows.findOne({ _id: deviceName(device), position: { $gt: from } });
    return row !== null;
  }
}
