import type { mongo } from 'mongoose';
import { deviceName } from '../../../domain/e2ee/device-id.ts';
import type { Clock } from '../../../ports/clock.ts';
import type {
  BundleClaim,
  DeviceRef,
  GivenKey,
  KeyStock,
  PrekeyStore,
} from '../../../ports/device-key-store.ts';
import { BundleBatches } from './bundle-batches.ts';
import { asFallbacks, given, spareJson } from './given-keys.ts';
import type { BundleClaimRow, FallbackKeyRow, OneTimeKeyRow } from './key-collections.ts';
import { BUNDLE_CLAIMS, CLAIM_INDEX, CLAIM_KEY, FALLBACK_KEYS, ONE_TIME_KEYS } from './key-collections.ts';

/** One-time keys with the fallback keys of the other algorithms beside them. */
const withSpares = (keys: readonly GivenKey[], spares: readonly FallbackKeyRow[]): GivenKey[] => [
  ...keys,
  ...spares
    .filter((row) => keys.every(({ algorithm }) => algorithm !== row.algorithm))
    .map((row) => given(row, true)),
];

export type PrekeyStoreDeps = { readonly db: mongo.Db; readonly clock: Clock };

/** What others claim, in MongoDB. A claim is one write: the id was remembered when the key was uploaded. */
export class MongoPrekeyStore implements PrekeyStore {
  readonly #clock: Clock;
  readonly #oneTimeKeys: mongo.Collection<OneTimeKeyRow>;
  readonly #fallbackKeys: mongo.Collection<FallbackKeyRow>;
  readonly #bundles: mongo.Collection<BundleClaimRow>;
  readonly #batches: BundleBatches;

  constructor({ db, clock }: PrekeyStoreDeps) {
    this.#clock = clock;
    this.#oneTimeKeys = db.collection(ONE_TIME_KEYS);
    this.#fallbackKeys = db.collection(FALLBACK_KEYS);
    this.#bundles = db.collection(BUNDLE_CLAIMS);
    this.#batches = new BundleBatches(db, clock);
  }

  async take(device: DeviceRef, algorithm: string): Promise<GivenKey | undefined> {
    const row = await this.#oneTimeKeys.findOneAndDelete(
      { device: deviceName(device), algorithm },
      { sort: { order: 1 }, hint: CLAIM_KEY },
    );
    return row === null ? undefined : given(row, false);
  }

  async fallback(device: DeviceRef, algorithm: string): Promise<GivenKey | undefined> {
    const row = await this.#fallbackKeys.findOne({ _id: `${deviceName(device)}\n${algorithm}` });
    if (row === null) return undefined;
    await this.#markUsed([row]);
    return given(row, true);
  }

  async takeBundle({ device, algorithms, repeat, fallbackOnly }: BundleClaim): Promise<GivenKey[]> {
    if (repeat === undefined) return this.#takeOnce(device, algorithms, fallbackOnly);
    const claimId = `${repeat.claimer}\n${repeat.txnId}\n${deviceName(device)}`;
    const take = await this.#batches.take({ claimId, device, algorithms, fallbackOnly });
    if ('earlier' in take) return [...take.earlier];
    const { keys, spares } = take;
    if (keys.length > 0) return withSpares(keys, spares);
    // Given alone, a fallback key tells its owner that the stock is empty.
    await this.#markUsed(spares);
    // An answer of nothing spent nothing, and is not worth a row: anybody can ask for devices that do not exist.
    return spares.length === 0 ? [] : this.#remember(claimId, spares);
  }

  async stock(device: DeviceRef): Promise<KeyStock> {
    const name = deviceName(device);
    const [counts, unused] = await Promise.all([
      this.#oneTimeKeys
        .aggregate<{ _id: string; count: number }>(
          [{ $match: { device: name } }, { $group: { _id: '$algorithm', count: { $sum: 1 } } }],
          { hint: CLAIM_INDEX },
        )
        .toArray(),
      this.#fallbackKeys.find({ device: name, used: false }, { projection: { algorithm: 1 } }).toArray(),
    ]);
    return {
      oneTime: Object.fromEntries(counts.map(({ _id, count }) => [_id, count])),
      unusedFallback: unused.map(({ algorithm }) => algorithm),
    };
  }

  /** A bundle for who cannot ask again: nothing is kept. */
  async #takeOnce(
    device: DeviceRef,
    algorithms: readonly string[],
    fallbackOnly: boolean,
  ): Promise<GivenKey[]> {
    const name = deviceName(device);
    const ids = algorithms.map((algorithm) => `${name}\n${algorithm}`);
    const spares = await this.#fallbackKeys.find({ _id: { $in: ids } }).toArray();
    const keys: GivenKey[] = [];
    for (const algorithm of fallbackOnly ? [] : algorithms) {
      const key = await this.take(device, algorithm);
      if (key !== undefined) keys.push(key);
    }
    if (keys.length === 0) await this.#markUsed(spares);
    return withSpares(keys, spares);
  }

  /** Notes an answer of fallback keys alone; the first one noted is the answer of every repeat. */
  async #remember(claimId: string, rows: readonly FallbackKeyRow[]): Promise<GivenKey[]> {
    const json = spareJson(rows);
    const noted = await this.#bundles.findOneAndUpdate(
      { _id: claimId },
      { $setOnInsert: { claimedAt: new Date(this.#clock.now()), json } },
      { upsert: true, returnDocument: 'after' },
    );
    return asFallbacks(noted?.json ?? json);
  }

  /** The mark belongs to the keys that are handed out, not to ones that replace them just now. */
  async #markUsed(rows: readonly FallbackKeyRow[]): Promise<void> {
    for (const { _id, keyId, used } of rows)
      if (!used) await this.#fallbackKeys.updateOne({ _id, keyId }, { $set: { used: true } });
  }
}
