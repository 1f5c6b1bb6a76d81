import type { JsonObject } from '@nyx/federation/json/value.ts';
import mongoose from 'mongoose';
import type { ClientSession, mongo } from 'mongoose';
import { claimedName, deviceFromName, deviceName } from '../../../domain/e2ee/device-id.ts';
import { keyDigest, keyIdDigest } from '../../../domain/e2ee/key-digest.ts';
import type { Clock } from '../../../ports/clock.ts';
import type {
  DeviceKeyStore,
  DeviceRef,
  KeyHistory,
  KeyUpload,
  UploadedKey,
} from '../../../ports/device-key-store.ts';
import type { DeviceChange } from '../../../ports/device-lists.ts';
import { KeyIdTakenError } from '../../../ports/device-key-store.ts';
import type { KeySignature } from '../../../ports/cross-signing-store.ts';
import { isDuplicateKey } from '../outage.ts';
import type { Transact } from '../transaction.ts';
import type {
  DeviceKeysRow,
  DeviceSignalRow,
  FallbackKeyRow,
  KeyBatchRow,
  OneTimeKeyRow,
} from './key-collections.ts';
import {
  DEVICE_KEYS,
  DEVICE_SIGNALS,
  FALLBACK_KEYS,
  KEY_BATCHES,
  ONE_TIME_KEYS,
  ONE_TIME_KEY_ID_INDEX,
} from './key-collections.ts';
import { KEY_SIGNATURES } from './mongo-cross-signing-store.ts';

/** Records that a user's device list changed, in the same transaction as the change; publishes it when committed. */
export type RecordDeviceListChange = <T>(
  userId: string,
  change: DeviceChange,
  run: (record: (session: ClientSession) => Promise<void>) => Promise<T>,
) => Promise<T>;

export type DeviceKeyStoreDeps = {
  readonly db: mongo.Db;
  readonly clock: Clock;
  readonly transact: Transact;
  readonly recordChange: RecordDeviceListChange;
  /** Called within the transaction that takes devices, or their old keys, away. */
  readonly removed: (userId: string, session: ClientSession) => Promise<void>;
};

/** Room for the keys of one upload below a millisecond, so that uploads order before their keys do. */
const ORDER_SPACE = 1_024;

const { ObjectId } = mongoose.mongo;

/** Identity keys and uploads in MongoDB. */
export class MongoDeviceKeyStore implements DeviceKeyStore {
  readonly #deps: DeviceKeyStoreDeps;
  readonly #identities: mongo.Collection<DeviceKeysRow>;
  readonly #oneTimeKeys: mongo.Collection<OneTimeKeyRow>;
  readonly #fallbackKeys: mongo.Collection<FallbackKeyRow>;
  readonly #batches: mongo.Collection<KeyBatchRow>;
  readonly #signals: mongo.Collection<DeviceSignalRow>;
  readonly #signatures: mongo.Collection<KeySignature & { readonly _id: string }>;

  constructor(deps: DeviceKeyStoreDeps) {
    this.#deps = deps;
    this.#identities = deps.db.collection(DEVICE_KEYS);
    this.#oneTimeKeys = deps.db.collection(ONE_TIME_KEYS);
    this.#fallbackKeys = deps.db.collection(FALLBACK_KEYS);
    this.#batches = deps.db.collection(KEY_BATCHES);
    this.#signals = deps.db.collection(DEVICE_SIGNALS);
    this.#signatures = deps.db.collection(KEY_SIGNATURES);
  }

  async get(device: DeviceRef): Promise<JsonObject | undefined> {
    const row = await this.#identities.findOne({ _id: deviceName(device) });
    return row === null ? undefined : (JSON.parse(row.json) as JsonObject);
  }

  async ofUsers(userIds: readonly string[]): Promise<(DeviceRef & { readonly keys: JsonObject })[]> {
    const rows = await this.#identities
      .find({ userId: { $in: [...userIds] } }, { hint: 'device_keys_user' })
      .toArray();
    return rows.map(({ _id, json }) => ({ ...deviceFromName(_id), keys: JSON.parse(json) as JsonObject }));
  }

  async history(device: DeviceRef, keyIds: readonly string[]): Promise<KeyHistory> {
    const stored = new Map<string, UploadedKey>();
    const seen = new Map<string, { batch: string; digest: string }>();
    if (keyIds.length === 0) return { stored, seen };
    const name = deviceName(device);
    const [rows, batches] = await Promise.all([
      this.#oneTimeKeys.find({ device: name, keyId: { $in: [...keyIds] } }).toArray(),
      this.#batches.find({ device: name }).toArray(),
    ]);
    for (const { keyId, json } of rows) stored.set(keyId, JSON.parse(json) as UploadedKey);
    const wanted = new Map(keyIds.map((keyId) => [keyIdDigest(keyId), keyId]));
    for (const { _id, ids, digests } of batches) {
      for (const [index, id] of ids.entries()) {
        const keyId = wanted.get(id);
        if (keyId !== undefined) seen.set(keyId, { batch: _id, digest: digests[index] ?? '' });
      }
    }
    return { stored, seen };
  }

  async commit(upload: KeyUpload): Promise<void> {
    try {
      if (upload.deviceKeys === undefined) {
        await this.#deps.transact((session) => this.#store(upload, session));
        return;
      }
      await this.#deps.recordChange(upload.device.userId, { deviceIds: [upload.device.deviceId] }, (record) =>
        this.#deps.transact(async (session) => {
          await this.#store(upload, session);
          await record(session);
          if (upload.replacesIdentity === true) await this.#deps.removed(upload.device.userId, session);
        }),
      );
    } catch (error) {
      if (isDuplicateKey(error, ONE_TIME_KEY_ID_INDEX)) throw new KeyIdTakenError('taken', { cause: error });
      throw error;
    }
  }

  async remove(userId: string, deviceIds: readonly string[]): Promise<void> {
    const refs = deviceIds.map((deviceId) => ({ userId, deviceId }));
    const names = refs.map(deviceName);
    const withClaimed = [...names, ...refs.map(claimedName)];
    await this.#deps.recordChange(userId, { deviceIds }, (record) =>
      this.#deps.transact(async (session) => {
        const { deletedCount } = await this.#identities.deleteMany({ _id: { $in: names } }, { session });
        await this.#oneTimeKeys.deleteMany({ device: { $in: withClaimed } }, { session });
        await this.#fallbackKeys.deleteMany({ device: { $in: names } }, { session });
        await this.#batches.deleteMany({ device: { $in: names } }, { session });
        // What was signed of the old keys means nothing to a device that comes back under the id with others.
        await this.#signatures.deleteMany(
          { targetUser: userId, target: { $in: [...deviceIds] } },
          { session, hint: 'key_signatures_target' },
        );
        if (deletedCount === 0) return;
        await record(session);
        await this.#deps.removed(userId, session);
      }),
    );
  }

  async #store(
    { device, deviceKeys, oneTimeKeys, fallbackKeys }: KeyUpload,
    session: ClientSession,
  ): Promise<void> {
    const name = deviceName(device);
    const now = this.#deps.clock.now();
    const uploadedAt = new Date(now);
    if (deviceKeys !== undefined) {
      const row = { userId: device.userId, json: JSON.stringify(deviceKeys) };
      await this.#identities.replaceOne({ _id: name }, row, { upsert: true, session });
    }
    if (oneTimeKeys.length > 0) {
      const batch = new ObjectId().toHexString();
      await this.#batches.insertOne(
        {
          _id: batch,
          device: name,
          uploadedAt,
          ids: oneTimeKeys.map(({ keyId }) => keyIdDigest(keyId)),
          digests: oneTimeKeys.map(({ key }) => keyDigest(key)),
        },
        { session },
      );
      const rows = oneTimeKeys.map(({ algorithm, keyId, key }, index) => ({
        _id: new ObjectId(),
        device: name,
        algorithm,
        keyId,
        order: now * ORDER_SPACE + index,
        batch,
        json: JSON.stringify(key),
      }));
      await this.#oneTimeKeys.insertMany(rows, { session });
      // The device listens: should it run low again, it is asked without a pause.
      await this.#signals.updateOne({ _id: name }, { $set: { times: 0 } }, { session });
    }
    for (const { algorithm, keyId, key } of fallbackKeys) {
      const _id = `${name}\n${algorithm}`;
      const json = JSON.stringify(key);
      const existing = await this.#fallbackKeys.findOne({ _id }, { session });
      if (existing?.keyId === keyId && existing.json === json) continue;
      const row = { device: name, algorithm, keyId, json, used: false, uploadedAt };
      await this.#fallbackKeys.replaceOne({ _id }, row, { upsert: true, session });
    }
  }
}
