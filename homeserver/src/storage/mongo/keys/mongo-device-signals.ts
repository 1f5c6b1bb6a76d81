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

  async ask(device: DeviceRef): Promise<void> {
    const position = await this.#deps.stream.write(1, async ([reserved = 0]) => {
      await this.#rows.updateOne(
        { _id: deviceName(device) },
        { $set: { position: reserved, askedAt: new Date(this.#deps.clock.now()) }, $inc: { times: 1 } },
        { upsert: true },
      );
      return reserved;
    });
    this.#deps.notifier.publish([deviceWakeKey(device)], position);
  }

  async askedSince(device: DeviceRef, from: number): Promise<boolean> {
    const row = await this.#rows.findOne({ _id: deviceName(device), position: { $gt: from } });
    return row !== null;
  }
}
