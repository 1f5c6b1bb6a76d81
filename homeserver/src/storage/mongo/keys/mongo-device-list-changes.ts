import type { ClientSession, mongo } from 'mongoose';
import {
  DEVICE_LISTS_WAKE_KEY,
  type DeviceChange,
  type DeviceListChanges,
} from '../../../ports/device-lists.ts';
import type { Notifier } from '../../../ports/notifier.ts';
import type { StreamPositions } from '../../../ports/stream-positions.ts';
import { FENCE_INDEX } from '../stream-leases.ts';
import type { Transact } from '../transaction.ts';
import type { DeviceListChangeRow } from './key-collections.ts';
import { DEVICE_LIST_CHANGES } from './key-collections.ts';

/** Called within the transaction of a local user's change: what else has to be written with it. */
export type AlsoRecord = (userId: string, change: DeviceChange, session: ClientSession) => Promise<void>;

export type DeviceListChangesDeps = {
  readonly db: mongo.Db;
  readonly stream: StreamPositions;
  readonly notifier: Notifier;
  readonly transact: Transact;
  readonly also: AlsoRecord;
  /** Rooms whose members want to know of changed devices of users: their ids are what waiting syncs listen for. */
  readonly roomsOf: (userIds: readonly string[]) => Promise<readonly string[]>;
  /** Called after a change was committed. */
  readonly committed: () => void;
};

/** Notifier key of a user's device list. */
export const deviceListWakeKey = (userId: string): string => `devices:${userId}`;

/** Most changes read at once; a client that was away for longer asks for the keys of everybody it meets anyway. */
const MAX_CHANGES = 100_000;

/** One row per user with the position of the newest change. */
export class MongoDeviceListChanges implements DeviceListChanges {
  readonly #deps: DeviceListChangesDeps;
  readonly #rows: mongo.Collection<DeviceListChangeRow>;

  constructor(deps: DeviceListChangesDeps) {
    this.#deps = deps;
    this.#rows = deps.db.collection(DEVICE_LIST_CHANGES);
  }

  async changedSince(viewer: string, from: number): Promise<readonly string[]> {
    const rows = await this.#rows
      .find(
        { position: { $gt: from }, void: { $ne: true }, viewer: { $in: [null, viewer] } },
        { hint: FENCE_INDEX },
      )
      .limit(MAX_CHANGES)
      .toArray();
    return [...new Set(rows.map(({ user }) => user))];
  }

  async record(userIds: readonly string[], onlyFor?: string): Promise<void> {
    const unique = [...new Set(userIds)];
    if (unique.length === 0) return;
    const position = await this.#deps.stream.write(unique.length, async (reserved) => {
      await this.#write(unique, reserved, { onlyFor });
      return reserved.at(-1) ?? 0;
    });
    this.#publish(onlyFor === undefined ? unique : [onlyFor], position);
  }

  recordOwn(userId: string, change: DeviceChange): Promise<void> {
    return this.recordWith(userId, change, (record) => this.#deps.transact(record));
  }

  /** Runs a change of a local user's devices; it must call `record` with the session of its transaction. */
  async recordWith<T>(
    userId: string,
    change: DeviceChange,
    run: (record: (session: ClientSession) => Promise<void>) => Promise<T>,
  ): Promise<T> {
    const { result, position } = await this.#deps.stream.write(1, async (positions) => ({
      result: await run(async (session) => {
        await this.#write([userId], positions, { session });
        await this.#deps.also(userId, change, session);
      }),
      position: positions[0] ?? 0,
    }));
    this.#publish([userId], position);
    return result;
  }

  #publish(userIds: readonly string[], position: number): void {
    const { notifier, roomsOf, committed } = this.#deps;
    notifier.publish([DEVICE_LISTS_WAKE_KEY, ...userIds, ...userIds.map(deviceListWakeKey)], position);
    roomsOf(userIds).then(
      (rooms) => notifier.publish(rooms, position),
      // The change is stored: a sync that nobody wakes finds it when it next looks.
      () => undefined,
    );
    committed();
  }

  async #write(
    userIds: readonly string[],
    positions: readonly number[],
    { session, onlyFor }: { readonly session?: ClientSession; readonly onlyFor?: string | undefined },
  ): Promise<void> {
    await this.#rows.bulkWrite(
      userIds.map((user, index) => ({
        updateOne: {
          filter: { _id: onlyFor === undefined ? user : `${user}\n${onlyFor}` },
          update: { $set: { position: positions[index] ?? 0, user, viewer: onlyFor ?? null } },
          upsert: true,
        },
      })),
      session === undefined ? {} : { session },
    );
  }
}
