import type { mongo } from 'mongoose';
import type { Device, DeviceStore, Sighting, StoredToken } from '../../../ports/accounts.ts';
import type { NamedIndex } from '../create-indexes.ts';

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

export class MongoDeviceStore implements DeviceStore {
  readonly #devices: mongo.Collection<DeviceRow>;

  constructor(db: mongo.Db) {
    this.#devices = db.collection<DeviceRow>('devices');
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

  async remove(userId: string, deviceIds: readonly string[]): Promise<string[]> {
    const removed: string[] = [];
    for (const deviceId of deviceIds) {
      const result = await this.#devices.deleteOne({ _id: keyOf(userId, deviceId) });
      if (result.deletedCount === 1) removed.push(deviceId);
    }
    return removed;
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
