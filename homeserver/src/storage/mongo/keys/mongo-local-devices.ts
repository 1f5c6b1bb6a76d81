import type { mongo } from 'mongoose';
import type { LocalDevices } from '../../../ports/local-devices.ts';

type DeviceNameRow = { readonly userId: string; readonly deviceId: string; readonly displayName?: string };

/** Reads the accounts' devices by the index that lists them. */
export class MongoLocalDevices implements LocalDevices {
  readonly #devices: mongo.Collection<DeviceNameRow>;

  constructor(db: mongo.Db) {
    this.#devices = db.collection('devices');
  }

  async idsOf(userIds: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>> {
    const rows = await this.#rows(userIds);
    const byUser = Map.groupBy(rows, ({ userId }) => userId);
    return new Map([...byUser].map(([user, devices]) => [user, devices.map(({ deviceId }) => deviceId)]));
  }

  async namesOf(userIds: readonly string[]): Promise<ReadonlyMap<string, ReadonlyMap<string, string>>> {
    const rows = await this.#rows(userIds);
    const byUser = Map.groupBy(rows, ({ userId }) => userId);
    return new Map(
      [...byUser].map(([user, devices]) => [
        user,
        new Map(
          devices.flatMap(({ deviceId, displayName }) =>
            displayName === undefined ? [] : [[deviceId, displayName] as const],
          ),
        ),
      ]),
    );
  }

  #rows(userIds: readonly string[]): Promise<DeviceNameRow[]> {
    return this.#devices
      .find(
        { userId: { $in: [...userIds] } },
        { projection: { _id: 0, userId: 1, deviceId: 1, displayName: 1 }, hint: 'device_of_user' },
      )
      .toArray();
  }
}
