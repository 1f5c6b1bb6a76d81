import type { JsonObject } from '@nyx/federation/json/value.ts';
import type { mongo } from 'mongoose';
import type { Clock } from '../../../ports/clock.ts';
import type { RemoteDeviceList, RemoteDeviceLists } from '../../../ports/remote-device-lists.ts';
import type { NamedIndex } from '../create-indexes.ts';

type ListRow = {
  /** The user id. */
  readonly _id: string;
  readonly streamId: number;
  /** Devices and cross-signing keys as JSON text. */
  readonly json: string;
  readonly fetchedAt: Date;
};

type ListJson = {
  readonly devices: readonly (readonly [string, JsonObject])[];
  readonly master?: JsonObject;
  readonly selfSigning?: JsonObject;
};

export const REMOTE_DEVICE_LISTS = 'remoteDeviceLists';
/** Lists are fetched anew after so long, whatever their servers told: updates can be lost on the other side. */
const LIST_TTL_SECONDS = 7 * 86_400;

export const REMOTE_DEVICE_LISTS_INDEXES: readonly NamedIndex[] = [
  { name: 'remote_device_lists_age', key: { fetchedAt: 1 }, expireAfterSeconds: LIST_TTL_SECONDS },
];

const toRow = ({ userId, streamId, devices, master, selfSigning }: RemoteDeviceList) => {
  const json: ListJson = {
    devices: [...devices],
    ...(master === undefined ? {} : { master }),
    ...(selfSigning === undefined ? {} : { selfSigning }),
  };
  return { _id: userId, streamId, json: JSON.stringify(json) };
};

const fromRow = ({ _id, streamId, json }: ListRow): RemoteDeviceList => {
  const { devices, ...identity } = JSON.parse(json) as ListJson;
  return { userId: _id, streamId, devices: new Map(devices), ...identity };
};

/** Device lists of other servers' users in MongoDB. */
export class MongoRemoteDeviceLists implements RemoteDeviceLists {
  readonly #rows: mongo.Collection<ListRow>;
  readonly #clock: Clock;

  constructor(db: mongo.Db, clock: Clock) {
    this.#rows = db.collection(REMOTE_DEVICE_LISTS);
    this.#clock = clock;
  }

  async ofUsers(userIds: readonly string[]): Promise<readonly RemoteDeviceList[]> {
    return (await this.#rows.find({ _id: { $in: [...userIds] } }).toArray()).map(fromRow);
  }

  async put(list: RemoteDeviceList): Promise<void> {
    const { _id, ...row } = toRow(list);
    const fetchedAt = new Date(this.#clock.now());
    await this.#rows.replaceOne({ _id }, { ...row, fetchedAt }, { upsert: true });
  }

  async replace(list: RemoteDeviceList, expected: number): Promise<boolean> {
    const { _id, ...row } = toRow(list);
    const { matchedCount } = await this.#rows.updateOne({ _id, streamId: expected }, { $set: row });
    return matchedCount === 1;
  }

  async forget(userIds: readonly string[]): Promise<void> {
    await this.#rows.deleteMany({ _id: { $in: [...userIds] } });
  }
}
