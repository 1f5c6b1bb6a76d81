import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { ClientSession, mongo } from 'mongoose';
import { DELIVER_PUSHES } from '../../../domain/push/jobs.ts';
import type { Push, PushQueue, PushTweaks } from '../../../ports/pushers.ts';
import type { NamedIndex } from '../create-indexes.ts';
import { STREAM_CURSORS } from '../keys/mongo-departure-store.ts';
import type { Outbox } from '../outbox.ts';
import type { Transact } from '../transaction.ts';

export const PUSHES = 'pushes';

type Row = {
  /** Of the pusher and what it is told: adding it twice adds it once. */
  _id: string;
  pusher: string;
  kind: Push['kind'];
  order: number;
  at: number;
  room?: RoomId;
  event?: EventId;
  tweaks?: PushTweaks;
  expireAt: Date;
};

type CursorRow = { readonly _id: string; readonly position: number };

export const PUSH_INDEXES: readonly NamedIndex[] = [
  { name: 'push_queue', key: { pusher: 1, order: 1 } },
  { name: 'push_expiry', key: { expireAt: 1 }, expireAfterSeconds: 0 },
];

const CURSOR = 'push';

export type PushQueueDeps = {
  readonly db: mongo.Db;
  readonly transact: Transact;
  readonly outbox: Outbox;
  /** Called after jobs were left. */
  readonly committed: () => void;
  /** How long pushes are kept, in ms. */
  readonly maxAgeMs: number;
};

/** Thrown to leave a transaction without effect. */
class MovedError extends Error {
  override readonly name = 'MovedError';
}

/** Pushes that wait, in MongoDB. */
export class MongoPushQueue implements PushQueue {
  readonly #deps: PushQueueDeps;
  readonly #rows: mongo.Collection<Row>;
  readonly #cursors: mongo.Collection<CursorRow>;

  constructor(deps: PushQueueDeps) {
    this.#deps = deps;
    this.#rows = deps.db.collection<Row>(PUSHES);
    this.#cursors = deps.db.collection<CursorRow>(STREAM_CURSORS);
  }

  async add(pushes: readonly Push[]): Promise<void> {
    if (pushes.length === 0) return;
    // Rows first: a job without rows does nothing, rows without a job would wait for the next one.
    await this.#put(pushes);
    await this.#deps.outbox.add(jobsFor(pushes));
    this.#deps.committed();
  }

  async addAndMove(pushes: readonly Push[], from: number, to: number): Promise<boolean> {
    try {
      await this.#deps.transact(async (session) => {
        const moved = await this.#cursors.updateOne(
          { _id: CURSOR, position: { $lte: from } },
          { $set: { position: to } },
          { session },
        );
        if (moved.matchedCount === 0) throw new MovedError();
        await this.#put(pushes, session);
        await this.#deps.outbox.add(jobsFor(pushes), session);
      });
    } catch (error) {
      if (error instanceof MovedError) return false;
      throw error;
    }
    this.#deps.committed();
    return true;
  }

  async cursor(): Promise<number | undefined> {
    return (await this.#cursors.findOne({ _id: CURSOR }))?.position;
  }

  async moveCursor(to: number): Promise<void> {
    await this.#cursors.updateOne(
      { _id: CURSOR },
      { $max: { position: to } },
      // Looking through the same events again does no harm: they were not to be pushed.
      { upsert: true, writeConcern: { w: 1, journal: false } },
    );
  }

  async waiting(pusher: string, limit: number): Promise<Push[]> {
    const rows = await this.#rows
      .find({ pusher })
      .sort({ order: 1 })
      .limit(limit)
      .hint('push_queue')
      .toArray();
    return rows.flatMap(toPush);
  }

  async done(pushes: readonly Push[]): Promise<void> {
    if (pushes.length === 0) return;
    // A count that was asked for anew meanwhile has another time, and stays.
    const deletes = pushes.map((push) => ({ deleteOne: { filter: { _id: nameOf(push), at: push.at } } }));
    await this.#rows.bulkWrite(deletes, { ordered: false });
  }

  async retry(pusher: string, delayMs: number): Promise<void> {
    // A key of its own: the wait must not stand in the way of what comes meanwhile.
    const key = `${pusher} retry`;
    await this.#deps.outbox.add([{ name: DELIVER_PUSHES, payload: { pusher }, key, delayMs }]);
  }

  async #put(pushes: readonly Push[], session?: ClientSession): Promise<void> {
    const { maxAgeMs } = this.#deps;
    await this.#rows.bulkWrite(
      pushes.map((push) => ({
        replaceOne: { filter: { _id: nameOf(push) }, replacement: toRow(push, maxAgeMs), upsert: true },
      })),
      { ordered: false, ...(session === undefined ? {} : { session }) },
    );
  }
}

const jobsFor = (pushes: readonly Push[]) =>
  [...new Set(pushes.map(({ pusher }) => pusher))].map((pusher) => ({
    name: DELIVER_PUSHES,
    payload: { pusher },
    key: pusher,
  }));

const nameOf = (push: Push): string => `${push.pusher} ${push.kind === 'event' ? push.event : push.kind}`;

const toRow = (push: Push, maxAgeMs: number): Omit<Row, '_id'> => {
  const { pusher, kind, at } = push;
  const common = { pusher, kind, at, order: 0, expireAt: new Date(at + maxAgeMs) };
  if (push.kind !== 'event') return common;
  return { ...common, order: push.order, room: push.room, event: push.event, tweaks: push.tweaks };
};

const toPush = ({ pusher, kind, order, at, room, event, tweaks = {} }: Row): Push[] => {
  if (kind !== 'event') return [{ kind, pusher, at }];
  return room === undefined || event === undefined ? [] : [{ kind, pusher, room, event, order, tweaks, at }];
};
