import type { mongo } from 'mongoose';
import type { Clock } from '../../ports/clock.ts';
import type { NamedIndex } from './create-indexes.ts';
import { isDuplicateKey } from './outage.ts';

/** One block of positions as the database knows it. `floor` is the lowest that may still be committed. */
export type Lease = {
  readonly id: string;
  readonly owner: string;
  /** The machine and the process on it, which tell neighbours whether the owner still lives. */
  readonly host: string;
  readonly process: string;
  readonly from: number;
  readonly to: number;
  readonly floor: number;
  readonly expires: Date;
};

/** The stream's one document: what has been leased, and by whom. */
export type LeaseTable = {
  readonly _id: string;
  /** The next position nobody has leased. */
  readonly next: number;
  readonly leases: readonly Lease[];
  /** The database's clock when this was read, against which leases expire. */
  readonly readAt: Date;
};

/** Who leases. */
export type LeaseOwner = { readonly owner: string; readonly host: string; readonly process: string };

/** What a process says of its blocks when it writes to the table. */
export type LeaseUpdate = {
  /** Lowest open position of this process, Infinity when there is none. Own leases that end below it are given back. */
  readonly floor: number;
  /** Size of a block to lease as well. */
  readonly lease?: { readonly id: string; readonly size: number };
};

/** A collection whose documents carry positions, with the field and its unique index that fence them. */
export type StreamFence = { readonly collection: string; readonly field: string };

const TABLE = 'streamPositions';

/** How long the documents that close a gap stay: longer than any write can be on its way. */
const VOID_TTL_SECONDS = 86_400;

/** Name of the unique index on the position in each of a stream's collections. */
export const FENCE_INDEX = 'stream_position';

/** The indexes that a collection of a stream must have. Its other unique indexes must leave `void: true` documents out. */
export const fenceIndexes = (field: string): NamedIndex[] => [
  { name: FENCE_INDEX, key: { [field]: 1 }, unique: true },
  {
    name: 'stream_void',
    key: { voidedAt: 1 },
    partialFilterExpression: { void: true },
    expireAfterSeconds: VOID_TTL_SECONDS,
  },
];

/**
 * Not flushed to disk by itself: the journal is written in order, so the first journaled write that uses a leased
 * position makes the lease durable too.
 */
const UNFLUSHED = { writeConcern: { w: 1, journal: false } } as const;

/** The lease table of one stream. Every method is one atomic step on one document. */
export class StreamLeases {
  readonly #db: mongo.Db;
  readonly #table: mongo.Collection<LeaseTable>;
  readonly #stream: string;
  readonly #fences: readonly StreamFence[];
  readonly #ttlMs: number;
  readonly #clock: Clock;

  constructor(db: mongo.Db, stream: string, fences: readonly StreamFence[], ttlMs: number, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
    this.#table = db.collection<LeaseTable>(TABLE);
    this.#stream = stream;
    this.#fences = fences;
    this.#ttlMs = ttlMs;
  }

  /** The table as it is; undefined before the first lease. */
  async read(): Promise<LeaseTable | undefined> {
    return (await this.#table.findOne({ _id: this.#stream })) ?? undefined;
  }

  /** Renews, reports and, when asked, leases, all at once; the answer shows every lease there is at that moment. */
  async update({ owner, host, process }: LeaseOwner, update: LeaseUpdate): Promise<LeaseTable> {
    const expires = { $add: ['$$NOW', this.#ttlMs] };
    const isMine = { $eq: ['$$this.owner', owner] };
    const kept = {
      $filter: {
        input: { $ifNull: ['$leases', []] },
        cond: { $not: [{ $and: [isMine, { $lt: ['$$this.to', update.floor] }] }] },
      },
    };
    const renewed = {
      $mergeObjects: ['$$this', { expires, floor: { $max: ['$$this.floor', update.floor] } }],
    };
    const reported = { $map: { input: kept, as: 'this', in: { $cond: [isMine, renewed, '$$this'] } } };
    const next = { $ifNull: ['$next', 1] };
    const size = update.lease?.size ?? 0;
    const leased =
      update.lease === undefined
        ? []
        : [
            {
              id: update.lease.id,
              owner,
              host,
              process,
              from: next,
              to: { $add: [next, size - 1] },
              floor: next,
              expires,
            },
          ];
    const row = await this.#table.findOneAndUpdate(
      { _id: this.#stream },
      [
        {
          $set: {
            leases: { $concatArrays: [reported, leased] },
            next: { $add: [next, size] },
            readAt: '$$NOW',
          },
        },
      ],
      { upsert: true, returnDocument: 'after', ...UNFLUSHED },
    );
    if (row === null) throw new Error('The lease table vanished');
    return row;
  }

  /**
   * Takes a dead process's lease over, closes what it left open, and removes it. False when somebody else was faster
   * or the owner lived on. The lease is not counted among the taker's own meanwhile: should closing fail, it stays in
   * everybody's way until it expires again and is closed by whoever sees it then.
   */
  async close(lease: Lease, readAt: Date, { owner, host, process }: LeaseOwner): Promise<boolean> {
    const taken = await this.#table.findOneAndUpdate(
      {
        _id: this.#stream,
        leases: { $elemMatch: { id: lease.id, owner: lease.owner, expires: lease.expires } },
      },
      {
        $set: {
          'leases.$.owner': `closing:${owner}`,
          'leases.$.host': host,
          'leases.$.process': process,
          'leases.$.expires': new Date(readAt.getTime() + this.#ttlMs),
        },
      },
      { returnDocument: 'after' },
    );
    const current = taken?.leases.find(({ id }) => id === lease.id);
    if (current === undefined) return false;
    const positions = Array.from(
      { length: current.to - current.floor + 1 },
      (_, index) => current.floor + index,
    );
    await this.fence(positions);
    await this.#table.updateOne({ _id: this.#stream }, { $pull: { leases: { id: lease.id } } }, UNFLUSHED);
    return true;
  }

  /**
   * Makes sure that whatever has not been committed at these positions never will be: an empty document takes each
   * place, and the unique index refuses the late-comer. After this every one of them is settled.
   */
  async fence(positions: readonly number[]): Promise<void> {
    if (positions.length === 0) return;
    for (const { collection, field } of this.#fences) {
      const voids = positions.map((position) => ({
        [field]: position,
        void: true,
        voidedAt: new Date(this.#clock.now()),
      }));
      try {
        await this.#db
          .collection(collection)
          .insertMany(voids, { ordered: false, writeConcern: { w: 'majority', journal: true } });
      } catch (error) {
        // Positions that were committed after all.
        if (!isDuplicateKey(error)) throw error;
      }
    }
  }
}
