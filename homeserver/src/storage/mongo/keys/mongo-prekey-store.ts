import type { mongo } from 'mongoose';
import { deviceName } from '../../../domain/e2ee/device-id.ts';
import type { Clock } from '../../../ports/clock.ts';
import type {
  BundleClaim,
  DeviceRef,
  KeyStock,
  NamedKey,
  PrekeyStore,
  UploadedKey,
} from '../../../ports/device-key-store.ts';
import type { ClientSession } from 'mongoose';
import type { Transact } from '../transaction.ts';
import type { FallbackKeyRow, OneTimeKeyRow } from './key-collections.ts';
import { BUNDLE_CLAIMS, CLAIM_INDEX, CLAIM_KEY, FALLBACK_KEYS, ONE_TIME_KEYS } from './key-collections.ts';

type BundleClaimRow = { readonly _id: string; readonly claimedAt: Date; readonly json: string };

const named = ({ algorithm, keyId, json }: OneTimeKeyRow | FallbackKeyRow): NamedKey => ({
  algorithm,
  keyId,
  key: JSON.parse(json) as UploadedKey,
});

export type PrekeyStoreDeps = {
  readonly db: mongo.Db;
  readonly clock: Clock;
  readonly transact: Transact;
};

/** What others claim, in MongoDB. A claim is one write: the id was remembered when the key was uploaded. */
export class MongoPrekeyStore implements PrekeyStore {
  readonly #deps: PrekeyStoreDeps;
  readonly #oneTimeKeys: mongo.Collection<OneTimeKeyRow>;
  readonly #fallbackKeys: mongo.Collection<FallbackKeyRow>;
  readonly #bundles: mongo.Collection<BundleClaimRow>;
  /** Bundle claims of one device wait for each other here: in the database they would abort each other. */
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(deps: PrekeyStoreDeps) {
    this.#deps = deps;
    this.#oneTimeKeys = deps.db.collection(ONE_TIME_KEYS);
    this.#fallbackKeys = deps.db.collection(FALLBACK_KEYS);
    this.#bundles = deps.db.collection(BUNDLE_CLAIMS);
  }

  async take(device: DeviceRef, algorithm: string, session?: ClientSession): Promise<NamedKey | undefined> {
    const row = await this.#oneTimeKeys.findOneAndDelete(
      { device: deviceName(device), algorithm },
      { sort: { order: 1 }, hint: CLAIM_KEY, ...(session === undefined ? {} : { session }) },
    );
    return row === null ? undefined : named(row);
  }

  async fallback(
    device: DeviceRef,
    algorithm: string,
    markUsed: boolean,
    session?: ClientSession,
  ): Promise<NamedKey | undefined> {
    const _id = `${deviceName(device)}\n${algorithm}`;
    const options = session === undefined ? {} : { session };
    const row = await this.#fallbackKeys.findOne({ _id }, options);
    if (row === null) return undefined;
    // The mark belongs to the key that is handed out, not to one that replaces it just now.
    if (markUsed && !row.used)
      await this.#fallbackKeys.updateOne({ _id, keyId: row.keyId }, { $set: { used: true } }, options);
    return named(row);
  }

  async takeBundle(claim: BundleClaim): Promise<NamedKey[]> {
    const name = deviceName(claim.device);
    const before = this.#turns.get(name) ?? Promise.resolve();
    const turn = before.catch(() => undefined).then(() => this.#takeBundle(claim, name));
    this.#turns.set(name, turn);
    try {
      return await turn;
    } finally {
      if (this.#turns.get(name) === turn) this.#turns.delete(name);
    }
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

  #takeBundle({ device, algorithms, repeat, fallbackOnly }: BundleClaim, name: string): Promise<NamedKey[]> {
    const claimId = repeat && `${repeat.claimer}\n${repeat.txnId}\n${name}`;
    return this.#deps.transact(async (session) => {
      if (claimId !== undefined) {
        const earlier = await this.#bundles.findOne({ _id: claimId }, { session });
        if (earlier !== null) return JSON.parse(earlier.json) as NamedKey[];
      }
      const keys: NamedKey[] = [];
      let hasOneTimeKey = false;
      const missing: string[] = [];
      for (const algorithm of algorithms) {
        const key = fallbackOnly ? undefined : await this.take(device, algorithm, session);
        if (key === undefined) missing.push(algorithm);
        else {
          keys.push(key);
          hasOneTimeKey = true;
        }
      }
      for (const algorithm of missing) {
        const key = await this.fallback(device, algorithm, !hasOneTimeKey, session);
        if (key !== undefined) keys.push(key);
      }
      if (claimId !== undefined) {
        const row = { _id: claimId, claimedAt: new Date(this.#deps.clock.now()), json: JSON.stringify(keys) };
        await this.#bundles.insertOne(row, { session });
      }
      return keys;
    });
  }
}
