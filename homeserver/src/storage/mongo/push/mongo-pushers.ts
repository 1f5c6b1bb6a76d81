import type { mongo } from 'mongoose';
import type { Clock } from '../../../ports/clock.ts';
import type { Pusher, PusherHealth, PusherLeases, PusherStore } from '../../../ports/pushers.ts';
import type { NamedIndex } from '../create-indexes.ts';

export const PUSHERS = 'pushers';

type Row = Omit<Pusher, 'id' | 'data'> & {
  _id: string;
  /** As JSON: the client's keys may be any. */
  data: string;
  failures?: number;
  retryAt?: number;
  badge?: number;
  owner?: string;
  lockedUntil?: number;
};

export const PUSHER_INDEXES: readonly NamedIndex[] = [
  { name: 'pusher_user', key: { userId: 1 } },
  { name: 'pusher_key', key: { pushkey: 1, appId: 1 } },
  { name: 'pusher_updated', key: { updatedAt: 1, userId: 1 } },
];

const toPusher = ({ _id, data, ...row }: Row): Pusher => {
  const { failures: _f, retryAt: _r, badge: _b, owner: _o, lockedUntil: _l, ...pusher } = row;
  return { ...pusher, id: _id, data: JSON.parse(data) as Pusher['data'] };
};

/** Pushers in MongoDB. */
export class MongoPushers implements PusherStore, PusherLeases {
  readonly #rows: mongo.Collection<Row>;
  readonly #clock: Clock;

  constructor(db: mongo.Db, clock: Clock) {
    this.#rows = db.collection<Row>(PUSHERS);
    this.#clock = clock;
  }

  async set({ id, data, createdAt, ...pusher }: Pusher, alone: boolean): Promise<readonly string[]> {
    await this.#rows.updateOne(
      { _id: id },
      // A new address begins anew.
      {
        $set: { ...pusher, data: JSON.stringify(data), failures: 0, retryAt: 0 },
        $setOnInsert: { createdAt },
        ...(pusher.profileTag === undefined ? { $unset: { profileTag: '' as const } } : {}),
      },
      { upsert: true },
    );
    if (!alone) return [];
    const others = { pushkey: pusher.pushkey, appId: pusher.appId, userId: { $ne: pusher.userId } };
    const taken = await this.#rows
      .find(others, { projection: { userId: 1 } })
      .hint('pusher_key')
      .toArray();
    await this.#rows.deleteMany({ _id: { $in: taken.map(({ _id }) => _id) } });
    return taken.map(({ userId }) => userId);
  }

  async remove(ids: readonly string[]): Promise<boolean> {
    const { deletedCount } = await this.#rows.deleteMany({ _id: { $in: [...ids] } });
    return deletedCount > 0;
  }

  async removeOfDevices(userId: string, deviceIds: readonly string[]): Promise<void> {
    await this.#rows.deleteMany({ userId, deviceId: { $in: [...deviceIds] } }, { hint: 'pusher_user' });
  }

  async removeOfUser(userId: string): Promise<void> {
    await this.#rows.deleteMany({ userId }, { hint: 'pusher_user' });
  }

  async ofUsers(userIds: readonly string[]): Promise<Pusher[]> {
    const rows = await this.#rows
      .find({ userId: { $in: [...userIds] } })
      .hint('pusher_user')
      .toArray();
    return rows.map(toPusher);
  }

  async users(since?: number): Promise<string[]> {
    const changed = since === undefined ? {} : { updatedAt: { $gte: since } };
    const users: string[] = [];
    const rows = this.#rows.find(changed, { projection: { _id: 0, userId: 1 } }).hint('pusher_updated');
    for await (const { userId } of rows) users.push(userId);
    return users;
  }

  async acquire(
    id: string,
    owner: string,
    until: number,
  ): Promise<{ pusher: Pusher; health: PusherHealth } | undefined> {
    const free = { $or: [{ owner: { $exists: false } }, { lockedUntil: { $lt: this.#clock.now() } }] };
    const row = await this.#rows.findOneAndUpdate(
      { _id: id, ...free },
      { $set: { owner, lockedUntil: until } },
      { returnDocument: 'after' },
    );
    if (row === null) return undefined;
    const { failures = 0, retryAt = 0, badge } = row;
    const health = badge === undefined ? { failures, retryAt } : { failures, retryAt, badge };
    return { pusher: toPusher(row), health };
  }

  async update(id: string, owner: string, health: PusherHealth): Promise<void> {
    await this.#rows.updateOne({ _id: id, owner }, { $set: health });
  }

  async release(id: string, owner: string): Promise<void> {
    await this.#rows.updateOne({ _id: id, owner }, { $unset: { owner: '', lockedUntil: '' } });
  }
}
