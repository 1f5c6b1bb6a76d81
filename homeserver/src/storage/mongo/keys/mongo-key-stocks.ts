import type { mongo } from 'mongoose';
import { DEVICE_NAMES, deviceFromName, deviceName } from '../../../domain/e2ee/device-id.ts';
import type { Clock } from '../../../ports/clock.ts';
import type { DeviceRef } from '../../../ports/device-key-store.ts';
import type { KeyStocks, SweepOptions, SweepPage } from '../../../ports/key-stocks.ts';
import type {
  DeviceKeysRow,
  DeviceSignalRow,
  FallbackKeyRow,
  KeyBatchRow,
  OneTimeKeyRow,
} from './key-collections.ts';
import {
  CLAIM_INDEX,
  DEVICE_KEYS,
  DEVICE_SIGNALS,
  FALLBACK_KEYS,
  KEY_BATCHES,
  ONE_TIME_KEYS,
} from './key-collections.ts';

/** Longest pause between two requests for keys to one device, as a power of two of the first. */
const MAX_DOUBLINGS = 8;

type Stock = {
  readonly _id: { readonly device: string; readonly algorithm: string };
  readonly count: number;
};

/** Stock of many devices, in MongoDB. */
export class MongoKeyStocks implements KeyStocks {
  readonly #identities: mongo.Collection<DeviceKeysRow>;
  readonly #oneTimeKeys: mongo.Collection<OneTimeKeyRow>;
  readonly #fallbackKeys: mongo.Collection<FallbackKeyRow>;
  readonly #batches: mongo.Collection<KeyBatchRow>;
  readonly #signals: mongo.Collection<DeviceSignalRow>;
  readonly #clock: Clock;

  constructor(db: mongo.Db, clock: Clock) {
    this.#identities = db.collection(DEVICE_KEYS);
    this.#oneTimeKeys = db.collection(ONE_TIME_KEYS);
    this.#fallbackKeys = db.collection(FALLBACK_KEYS);
    this.#batches = db.collection(KEY_BATCHES);
    this.#signals = db.collection(DEVICE_SIGNALS);
    this.#clock = clock;
  }

  async lowAmong(devices: readonly DeviceRef[], threshold: number): Promise<readonly DeviceRef[]> {
    const names = devices.map(deviceName);
    // A device that never uploaded a one-time key does not use them: there is nothing to ask for.
    const users = await this.#batches.distinct('device', { device: { $in: names } });
    const lowest = new Map<string, number>(users.map((name) => [name, 0]));
    const seen = new Set<string>();
    for (const { _id, count } of await this.#stocks(users)) {
      lowest.set(_id.device, seen.has(_id.device) ? Math.min(lowest.get(_id.device) ?? count, count) : count);
      seen.add(_id.device);
    }
    return [...lowest].filter(([, count]) => count < threshold).map(([name]) => deviceFromName(name));
  }

  async due({ threshold, staleBefore, now, pauseMs, limit, cursor }: SweepOptions): Promise<SweepPage> {
    const page = await this.#identities
      .find(cursor === undefined ? {} : { _id: { $gt: cursor } }, { projection: { _id: 1 } })
      .sort({ _id: 1 })
      .limit(limit)
      .toArray();
    const names = page.map(({ _id }) => _id);
    const [low, stale, signals] = await Promise.all([
      this.lowAmong(names.map(deviceFromName), threshold),
      this.#fallbackKeys.distinct('device', {
        device: { $in: names },
        algorithm: /^chat\.nyx\./,
        uploadedAt: { $lt: staleBefore },
      }),
      this.#signals.find({ _id: { $in: names } }).toArray(),
    ]);
    const quietUntil = new Map(
      signals.map(({ _id, askedAt, times }) => [
        _id,
        askedAt.getTime() + pauseMs * 2 ** Math.min(times - 1, MAX_DOUBLINGS),
      ]),
    );
    const wanted = new Set([...low.map(deviceName), ...stale]);
    return {
      devices: [...wanted].filter((name) => (quietUntil.get(name) ?? 0) <= now.getTime()).map(deviceFromName),
      cursor: names.length === limit ? names.at(-1) : undefined,
    };
  }

  async retireSpentBatches(limit: number): Promise<number> {
    const open = await this.#batches
      .aggregate<{ _id: string }>([
        { $match: { exhaustedAt: { $exists: false } } },
        { $limit: limit },
        { $lookup: { from: ONE_TIME_KEYS, localField: '_id', foreignField: 'batch', as: 'left' } },
        { $match: { left: { $size: 0 } } },
        { $project: { _id: 1 } },
      ])
      .toArray();
    if (open.length === 0) return 0;
    const { modifiedCount } = await this.#batches.updateMany(
      { _id: { $in: open.map(({ _id }) => _id) } },
      { $set: { exhaustedAt: new Date(this.#clock.now()) } },
    );
    return modifiedCount;
  }

  async histogram(limit: number): Promise<ReadonlyMap<string, readonly number[]>> {
    const rows = await this.#oneTimeKeys
      .aggregate<Stock>(
        [
          { $match: { device: DEVICE_NAMES } },
          { $group: { _id: { device: '$device', algorithm: '$algorithm' }, count: { $sum: 1 } } },
          { $limit: limit },
        ],
        { hint: CLAIM_INDEX },
      )
      .toArray();
    const byAlgorithm = Map.groupBy(rows, ({ _id }) => _id.algorithm);
    return new Map(
      [...byAlgorithm].map(([algorithm, stocks]) => [algorithm, stocks.map(({ count }) => count)]),
    );
  }

  async exhausted(limit: number): Promise<number> {
    const [uploaded, stocked] = await Promise.all([
      this.#batches
        .aggregate<{ _id: string }>([{ $group: { _id: '$device' } }, { $limit: limit }], {
          hint: 'key_batches_device',
        })
        .toArray(),
      this.#oneTimeKeys
        .aggregate<{ _id: string }>([{ $match: { device: DEVICE_NAMES } }, { $group: { _id: '$device' } }], {
          hint: CLAIM_INDEX,
        })
        .toArray(),
    ]);
    const inStock = new Set(stocked.map(({ _id }) => _id));
    return uploaded.filter(({ _id }) => !inStock.has(_id)).length;
  }

  #stocks(names: readonly string[]): Promise<Stock[]> {
    return this.#oneTimeKeys
      .aggregate<Stock>(
        [
          { $match: { device: { $in: [...names] } } },
          { $group: { _id: { device: '$device', algorithm: '$algorithm' }, count: { $sum: 1 } } },
        ],
        { hint: CLAIM_INDEX },
      )
      .toArray();
  }
}
