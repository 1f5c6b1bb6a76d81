import type { mongo } from 'mongoose';
import { claimedName, deviceName } from '../../../domain/e2ee/device-id.ts';
import type { Clock } from '../../../ports/clock.ts';
import type {
  BundleClaim,
  DeviceRef,
  GivenKey,
  KeyStock,
  NamedKey,
  PrekeyStore,
  UploadedKey,
} from '../../../ports/device-key-store.ts';
import { isDuplicateKey } from '../outage.ts';
import type { FallbackKeyRow, OneTimeKeyRow } from './key-collections.ts';
import {
  BUNDLE_CLAIMS,
  CLAIM_INDEX,
  CLAIM_KEY,
  CLAIMED_FOR_INDEX,
  FALLBACK_KEYS,
  ONE_TIME_KEYS,
} from './key-collections.ts';

type BundleClaimRow = { readonly _id: string; readonly claimedAt: Date; readonly json: string };

const named = ({ algorithm, keyId, json }: OneTimeKeyRow | FallbackKeyRow): NamedKey => ({
  algorithm,
  keyId,
  key: JSON.parse(json) as UploadedKey,
});

const given = (row: OneTimeKeyRow | FallbackKeyRow, isFallback: boolean): GivenKey => ({
  ...named(row),
  isFallback,
});

export type PrekeyStoreDeps = { readonly db: mongo.Db; readonly clock: Clock };

/** What others claim, in MongoDB. A claim is one write: the id was remembered when the key was uploaded. */
export class MongoPrekeyStore implements PrekeyStore {
  readonly #clock: Clock;
  readonly #oneTimeKeys: mongo.Collection<OneTimeKeyRow>;
  readonly #fallbackKeys: mongo.Collection<FallbackKeyRow>;
  readonly #bundles: mongo.Collection<BundleClaimRow>;

  constructor({ db, clock }: PrekeyStoreDeps) {
    this.#clock = clock;
    this.#oneTimeKeys = db.collection(ONE_TIME_KEYS);
    this.#fallbackKeys = db.collection(FALLBACK_KEYS);
    this.#bundles = db.collection(BUNDLE_CLAIMS);
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
    const name = deviceName(device);
    const claimId = repeat && `${repeat.claimer}\n${repeat.txnId}\n${name}`;
    const earlier = claimId === undefined ? undefined : await this.#earlier(claimId, algorithms);
    if (earlier !== undefined) return earlier;
    // Read first: what is given beside a one-time key is noted by the very write that takes it.
    const spares = await this.#fallbackKeys
      .find({ _id: { $in: algorithms.map((algorithm) => `${name}\n${algorithm}`) } })
      .toArray();
    const keys: GivenKey[] = [];
    for (const algorithm of fallbackOnly ? [] : algorithms) {
      try {
        const key =
          claimId === undefined
            ? await this.take(device, algorithm)
            : await this.#takeFor(claimId, device, algorithm, spares);
        if (key !== undefined) keys.push(key);
      } catch (error) {
        // The same claim, running elsewhere, has taken a key: its answer is this one's.
        if (claimId === undefined || !isDuplicateKey(error, CLAIMED_FOR_INDEX)) throw error;
        return (await this.#earlier(claimId, algorithms)) ?? [];
      }
    }
    const rest = spares.filter((row) => !keys.some(({ algorithm }) => algorithm === row.algorithm));
    if (keys.length > 0) return [...keys, ...rest.map((row) => given(row, true))];
    // Given alone, a fallback key tells its owner that the stock is empty.
    await this.#markUsed(rest);
    // An answer of nothing spent nothing, and is not worth a row: anybody can ask for devices that do not exist.
    if (claimId === undefined || rest.length === 0) return rest.map((row) => given(row, true));
    return this.#remember(claimId, rest);
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

  /**
   * Takes a key and keeps it aside for repeats of the claim: out of the stock, never to be given to anybody else. One
   * write of one document, so a crash leaves the key unclaimed, or claimed by this claim.
   */
  async #takeFor(
    claimId: string,
    device: DeviceRef,
    algorithm: string,
    spares: readonly FallbackKeyRow[],
  ): Promise<GivenKey | undefined> {
    const row = await this.#oneTimeKeys.findOneAndUpdate(
      { device: deviceName(device), algorithm },
      {
        $set: {
          device: claimedName(device),
          claimedFor: `${claimId}\n${algorithm}`,
          claimedAt: new Date(this.#clock.now()),
          spares: JSON.stringify(spares.map(named)),
        },
      },
      { sort: { order: 1 }, hint: CLAIM_KEY },
    );
    return row === null ? undefined : given(row, false);
  }

  /** The answer that a claim got before. */
  async #earlier(claimId: string, algorithms: readonly string[]): Promise<GivenKey[] | undefined> {
    const [rows, alone] = await Promise.all([
      this.#oneTimeKeys
        .find(
          { claimedFor: { $in: algorithms.map((algorithm) => `${claimId}\n${algorithm}`) } },
          { hint: CLAIMED_FOR_INDEX },
        )
        .toArray(),
      this.#bundles.findOne({ _id: claimId }),
    ]);
    if (alone !== null) return asFallbacks(alone.json);
    const [first] = rows;
    if (first === undefined) return undefined;
    const keys = rows.map((row) => given(row, false));
    const spares = asFallbacks(first.spares ?? '[]');
    return [
      ...keys,
      ...spares.filter((spare) => !keys.some(({ algorithm }) => algorithm === spare.algorithm)),
    ];
  }

  /** Notes an answer of fallback keys alone; the first one noted is the answer of every repeat. */
  async #remember(claimId: string, rows: readonly FallbackKeyRow[]): Promise<GivenKey[]> {
    const json = JSON.stringify(rows.map(named));
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

function asFallbacks(json: string): GivenKey[] {
  return (JSON.parse(json) as NamedKey[]).map((key) => ({ ...key, isFallback: true }));
}
