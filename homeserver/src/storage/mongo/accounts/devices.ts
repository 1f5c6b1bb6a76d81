import type { mongo } from 'mongoose';
import type { Device, DeviceStore, Sighting, StoredToken } from '../../../ports/accounts.ts';
import { DEVICES_GONE_JOB } from '../../../domain/accounts/sessions.ts';
import type { NamedIndex } from '../create-indexes.ts';
import type { Outbox } from '../outbox.ts';
import type { Transact } from '../transaction.ts';

type DeviceRow = Omit<Device, 'sessionId'> & { _id: string; session: string };

export const DEVICE_INDEXES: readonly NamedIndex[] = [
  { name: 'device_of_user', key: { userId: 1, deviceId: 1 }, unique: true },
  { name: 'device_session', key: { session: 1 }, unique: true },
  {
    name: 'device_token',
    key: { 'tokens.hash': 1 },
    unique: true,
    partialFilterExpression: { 'tokens.hash': { $exists: true } },
  },
];

const toDevice = ({ _id, session, ...row }: DeviceRow): Device => ({ sessionId: session, ...row });

/** Devices and their sessions. User ids hold no spaces, so the two parts of a key cannot be confused. */
const keyOf = (userId: string, deviceId: string): string => `${userId} ${deviceId}`;

export type DeviceStoreDeps = {
  readonly db: mongo.Db;
  readonly transact: Transact;
  readonly outbox: Outbox;
};

/** Devices and their access tokens in MongoDB. */
export class MongoDeviceStore implements DeviceStore {
  readonly #deps: DeviceStoreDeps;
  readonly #devices: mongo.Collection<DeviceRow>;

  constructor(deps: DeviceStoreDeps) {
    this.#deps = deps;
    this.#devices = deps.db.collection<DeviceRow>('devices');
  }

  async logIn({ sessionId, userId, deviceId, displayName, tokens, createdAt }: Device): Promise<boolean> {
    const result = await this.#devices.updateOne(
      { _id: keyOf(userId, deviceId) },
      {
        $set: { session: sessionId, tokens: [...tokens] },
        $setOnInsert: { userId, deviceId, createdAt, ...(displayName === undefined ? {} : { displayName }) },
      },
      { upsert: true },
    );
    return result.upsertedCount === 1;
  }

  async byToken(hash: string): Promise<Device | undefined> {
    const row = await this.#devices.findOne({ 'tokens.hash': hash });
    return row === null ? undefined : toDevice(row);
  }

  async setTokens(sessionId: string, expected: string, tokens: readonly StoredToken[]): Promise<boolean> {
    const result = await this.#devices.updateOne(
      { session: sessionId, 'tokens.hash': expected },
      { $set: { tokens: [...tokens] } },
    );
    return result.matchedCount === 1;
  }

  async list(userId: string): Promise<Device[]> {
    return (await this.#devices.find({ userId }).toArray()).map(toDevice);
  }

  async find(userId: string, deviceId: string): Promise<Device | undefined> {
    const row = await this.#devices.findOne({ _id: keyOf(userId, deviceId) });
    return row === null ? undefined : toDevice(row);
  }

  async rename(userId: string, deviceId: string, displayName: string | undefined): Promise<boolean> {
    const result = await this.#devices.updateOne(
      { _id: keyOf(userId, deviceId) },
      displayName === undefined ? { $unset: { displayName: '' } } : { $set: { displayName } },
    );
    return result.matchedCount === 1;
  }

  /** The job goes with the rows: what else there is of the devices goes too, though the process be killed here. */
  async remove(userId: string, deviceIds: readonly string[]): Promise<string[]> {
    if (deviceIds.length === 0) return [];
    const { transact, outbox } = this.#deps;
    return transact(async (session) => {
      const names = deviceIds.map((deviceId) => keyOf(userId, deviceId));
      const rows = await this.#devices.find({ _id: { $in: names } }, { session }).toArray();
      const removed = rows.map(({ deviceId }) => deviceId);
      if (removed.length === 0) return [];
      await this.#devices.deleteMany({ _id: { $in: rows.map(({ _id }) => _id) } }, { session });
      await outbox.add([{ name: DEVICES_GONE_JOB, payload: { userId, deviceIds: removed } }], session);
      return removed;
    });
  }

  async see(sightings: readonly Sighting[]): Promise<void> {
    if (sightings.length === 0) return;
    await this.#devices.bulkWrite(
      sightings.map(({ sessionId, at, ip, userAgent }) => ({
        updateOne: {
          filter: { session: sessionId },
          update: {
            $set: { seenAt: at, seenIp: ip, ...(userAgent === undefined ? {} : { seenAgent: userAgent }) },
          },
        },
      })),
      // When somebody was last seen may be lost in a crash.
      { ordered: false, writeConcern: { w: 1, journal: false } },
    );
  }
}
