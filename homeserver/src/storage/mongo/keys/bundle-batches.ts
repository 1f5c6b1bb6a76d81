import mongoose from 'mongoose';
import type { mongo } from 'mongoose';
import { claimedName, deviceName } from '../../../domain/e2ee/device-id.ts';
import type { Clock } from '../../../ports/clock.ts';
import type { DeviceRef, GivenKey } from '../../../ports/device-key-store.ts';
import { asFallbacks, given, spareJson } from './given-keys.ts';
import { isDuplicateKey } from '../outage.ts';
import type { BundleClaimRow, FallbackKeyRow, OneTimeKeyRow } from './key-collections.ts';
import {
  BUNDLE_CLAIMS,
  CLAIM_KEY,
  CLAIMED_FOR_INDEX,
  FALLBACK_KEYS,
  ONE_TIME_KEYS,
} from './key-collections.ts';

/** A claim of a bundle that can be repeated. */
export type BundleWish = {
  /** Tells the claim from every other: who claims, under which transaction id, from which device. */
  readonly claimId: string;
  readonly device: DeviceRef;
  readonly algorithms: readonly string[];
  /** The claimer may not have one-time keys. */
  readonly fallbackOnly: boolean;
};

export type BundleTake =
  /** The claim was made before: its answer. */
  | { readonly earlier: readonly GivenKey[] }
  /** One-time keys that are the claim's now, at most one per algorithm, and the device's fallback keys. */
  | { readonly keys: readonly GivenKey[]; readonly spares: readonly FallbackKeyRow[] };

type Waiting = {
  readonly wish: BundleWish;
  readonly resolve: (take: BundleTake) => void;
  readonly reject: (error: unknown) => void;
};

type Job = {
  readonly wish: BundleWish;
  /** `deviceName`. */
  readonly name: string;
  spares: readonly FallbackKeyRow[];
  earlier: readonly GivenKey[] | undefined;
  /** By algorithm. */
  readonly keys: Map<string, GivenKey>;
};

/** A key that a claim is to have, unless somebody else is quicker. */
type Pick = { readonly job: Job; readonly row: OneTimeKeyRow };

/** Most claims in one round: more would wait longer for each other than they save. */
const MAX_BATCH = 64;

const { MongoBulkWriteError } = mongoose.mongo;

const claimedFor = ({ claimId }: BundleWish, algorithm: string): string => `${claimId}\n${algorithm}`;

const stockName = ({ device, algorithm }: { readonly device: string; readonly algorithm: string }): string =>
  `${device}\n${algorithm}`;

/** Deals the oldest keys out, in the order in which the claims came. */
const pickKeys = (jobs: readonly Job[], stock: ReadonlyMap<string, readonly OneTimeKeyRow[]>): Pick[] => {
  const dealt = new Map<string, number>();
  return jobs.flatMap((job) =>
    job.wish.algorithms.flatMap((algorithm) => {
      const name = stockName({ device: job.name, algorithm });
      const next = dealt.get(name) ?? 0;
      dealt.set(name, next + 1);
      const row = stock.get(name)?.[next];
      return row === undefined ? [] : [{ job, row }];
    }),
  );
};

/** Whether all that failed of an unordered write failed because its claim has a key already. */
const onlyRepeats = (error: unknown): boolean =>
  error instanceof MongoBulkWriteError &&
  [error.writeErrors].flat().every((failure: unknown) => {
    const { code, errmsg } = failure as { readonly code?: number; readonly errmsg?: string };
    return code === 11_000 && (errmsg ?? '').includes(`index: ${CLAIMED_FOR_INDEX} `);
  });

/**
 * Takes keys for claims of bundles. Claims that arrive while a write is under way share the next one, and its disk
 * flush: a round is a read of what concerns all of them and one write. Each key is moved by an update of its own row that
 * matches only while the row is in the stock, so that no other process and no crash can give it out twice, and that
 * names the claim, so that a repeat finds it.
 */
export class BundleBatches {
  readonly #db: mongo.Db;
  readonly #clock: Clock;
  readonly #oneTimeKeys: mongo.Collection<OneTimeKeyRow>;
  readonly #fallbackKeys: mongo.Collection<FallbackKeyRow>;
  readonly #alone: mongo.Collection<BundleClaimRow>;
  #waiting: Waiting[] = [];
  #running = false;

  constructor(db: mongo.Db, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
    this.#oneTimeKeys = db.collection(ONE_TIME_KEYS);
    this.#fallbackKeys = db.collection(FALLBACK_KEYS);
    this.#alone = db.collection(BUNDLE_CLAIMS);
  }

  take(wish: BundleWish): Promise<BundleTake> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ wish, resolve, reject });
      if (!this.#running) void this.#drain();
    });
  }

  async #drain(): Promise<void> {
    this.#running = true;
    while (this.#waiting.length > 0) {
      const batch = this.#nextBatch();
      try {
        const takes = await this.#run(batch.map(({ wish }) => wish));
        for (const [index, { resolve }] of batch.entries()) resolve(takes[index] ?? { keys: [], spares: [] });
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#running = false;
  }

  /** Repeats of a claim wait for the round after its own: there they find its answer. */
  #nextBatch(): Waiting[] {
    const batch = new Map<string, Waiting>();
    const later: Waiting[] = [];
    for (const waiting of this.#waiting) {
      const { claimId } = waiting.wish;
      if (batch.size < MAX_BATCH && !batch.has(claimId)) batch.set(claimId, waiting);
      else later.push(waiting);
    }
    this.#waiting = later;
    return [...batch.values()];
  }

  async #run(wishes: readonly BundleWish[]): Promise<BundleTake[]> {
    const jobs = wishes.map((wish): Job => ({
      wish,
      name: deviceName(wish.device),
      spares: [],
      earlier: undefined,
      keys: new Map(),
    }));
    const [, , stock] = await Promise.all([
      this.#findEarlier(jobs),
      this.#findSpares(jobs),
      this.#oldest(jobs.filter(({ wish }) => !wish.fallbackOnly)),
    ]);
    const open = jobs.filter(({ wish, earlier }) => earlier === undefined && !wish.fallbackOnly);
    const picks = pickKeys(open, stock);
    const lost = await this.#move(picks);
    const without = new Set(lost.map(({ job }) => job).filter(({ keys }) => keys.size === 0));
    if (without.size > 0) await this.#findEarlier([...without]);
    for (const { job, row } of lost) if (job.earlier === undefined) await this.#takeOne(job, row.algorithm);
    // An empty stock may be the work of the same claim in another process: what it took is this one's answer.
    const empty = open.filter(({ keys, earlier }) => keys.size === 0 && earlier === undefined);
    if (empty.length > 0) await this.#findEarlier(empty);
    return jobs.map(({ earlier, keys, spares }) =>
      earlier === undefined ? { keys: [...keys.values()], spares } : { earlier },
    );
  }

  /** Looks up answers that the claims got before. */
  async #findEarlier(jobs: readonly Job[]): Promise<void> {
    const wanted = jobs.flatMap(({ wish }) =>
      wish.algorithms.map((algorithm) => claimedFor(wish, algorithm)),
    );
    const [rows, alone] = await Promise.all([
      this.#oneTimeKeys.find({ claimedFor: { $in: wanted } }, { hint: CLAIMED_FOR_INDEX }).toArray(),
      this.#alone.find({ _id: { $in: jobs.map(({ wish }) => wish.claimId) } }).toArray(),
    ]);
    const byClaim = Map.groupBy(rows, (row) => row.claimedFor ?? '');
    const answers = new Map(alone.map(({ _id, json }) => [_id, json]));
    for (const job of jobs) {
      const json = answers.get(job.wish.claimId);
      const taken = job.wish.algorithms.flatMap(
        (algorithm) => byClaim.get(claimedFor(job.wish, algorithm)) ?? [],
      );
      const [first] = taken;
      if (json !== undefined) job.earlier = asFallbacks(json);
      else if (first !== undefined) {
        const spares = asFallbacks(first.spares ?? '[]').filter(({ algorithm }) =>
          taken.every((row) => row.algorithm !== algorithm),
        );
        job.earlier = [...taken.map((row) => given(row, false)), ...spares];
      }
    }
  }

  async #findSpares(jobs: readonly Job[]): Promise<void> {
    const ids = jobs.flatMap(({ name, wish }) => wish.algorithms.map((algorithm) => `${name}\n${algorithm}`));
    const rows = await this.#fallbackKeys.find({ _id: { $in: [...new Set(ids)] } }).toArray();
    const byId = new Map(rows.map((row) => [row._id, row]));
    for (const job of jobs)
      job.spares = job.wish.algorithms.flatMap((algorithm) => byId.get(`${job.name}\n${algorithm}`) ?? []);
  }

  /** The oldest keys of each device and algorithm, as many as are asked for, by {@link stockName}. */
  async #oldest(jobs: readonly Job[]): Promise<Map<string, OneTimeKeyRow[]>> {
    const wanted = Map.groupBy(
      jobs.flatMap(({ name, wish }) => wish.algorithms.map((algorithm) => ({ device: name, algorithm }))),
      stockName,
    );
    if (wanted.size === 0) return new Map();
    const most = Math.max(...[...wanted.values()].map(({ length }) => length));
    const stocks = await this.#db
      .aggregate<{ readonly rows: OneTimeKeyRow[] }>([
        {
          // Literals: an algorithm is the claimer's own text, and one that begins with a dollar would be a path.
          $documents: [...wanted.values()].map(([first]) => ({
            device: { $literal: first?.device },
            algorithm: { $literal: first?.algorithm },
          })),
        },
        {
          $lookup: {
            from: ONE_TIME_KEYS,
            let: { device: '$device', algorithm: '$algorithm' },
            pipeline: [
              {
                $match: {
                  $expr: {
                    $and: [{ $eq: ['$device', '$$device'] }, { $eq: ['$algorithm', '$$algorithm'] }],
                  },
                },
              },
              { $sort: { order: 1 } },
              { $limit: most },
            ],
            as: 'rows',
          },
        },
      ])
      .toArray();
    return Map.groupBy(
      stocks.flatMap(({ rows }) => rows),
      stockName,
    );
  }

  /** Moves the picked keys to their claims in one write; answers the ones that somebody else had first. */
  async #move(picks: readonly Pick[]): Promise<readonly Pick[]> {
    if (picks.length === 0) return [];
    let moved = 0;
    try {
      const { matchedCount } = await this.#oneTimeKeys.bulkWrite(
        picks.map(({ job, row }) => ({
          updateOne: {
            filter: { _id: row._id, device: job.name },
            update: this.#claimed(job, row.algorithm),
          },
        })),
        { ordered: false },
      );
      moved = matchedCount;
    } catch (error) {
      if (!onlyRepeats(error)) throw error;
    }
    const won = moved === picks.length ? picks : await this.#won(picks);
    for (const { job, row } of won) job.keys.set(row.algorithm, given(row, false));
    const lost = new Set(picks);
    for (const pick of won) lost.delete(pick);
    return [...lost];
  }

  async #won(picks: readonly Pick[]): Promise<readonly Pick[]> {
    const rows = await this.#oneTimeKeys
      .find(
        { claimedFor: { $in: picks.map(({ job, row }) => claimedFor(job.wish, row.algorithm)) } },
        { hint: CLAIMED_FOR_INDEX, projection: { claimedFor: 1 } },
      )
      .toArray();
    const claims = new Map(rows.map((row) => [row._id.toHexString(), row.claimedFor]));
    return picks.filter(
      ({ job, row }) => claims.get(row._id.toHexString()) === claimedFor(job.wish, row.algorithm),
    );
  }

  /** Takes whatever key is the oldest by now, for a claim that lost the one it was to have. */
  async #takeOne(job: Job, algorithm: string): Promise<void> {
    try {
      const row = await this.#oneTimeKeys.findOneAndUpdate(
        { device: job.name, algorithm },
        this.#claimed(job, algorithm),
        { sort: { order: 1 }, hint: CLAIM_KEY },
      );
      if (row !== null) job.keys.set(algorithm, given(row, false));
    } catch (error) {
      // The same claim, running elsewhere, has taken a key: its answer is this one's.
      if (!isDuplicateKey(error, CLAIMED_FOR_INDEX)) throw error;
      await this.#findEarlier([job]);
    }
  }

  /** What makes a row the claim's: out of the stock, found by repeats, gone after a day. */
  #claimed({ wish, spares }: Job, algorithm: string): mongo.UpdateFilter<OneTimeKeyRow> {
    return {
      $set: {
        device: claimedName(wish.device),
        claimedFor: claimedFor(wish, algorithm),
        claimedAt: new Date(this.#clock.now()),
        spares: spareJson(spares),
      },
    };
  }
}
