import type { JsonObject } from '@nyx/federation/json/value.ts';
import mongoose from 'mongoose';
import type { mongo } from 'mongoose';
import { deviceName, deviceWakeKey } from '../../../domain/e2ee/device-id.ts';
import type { DeviceInbox, IncomingToDevice, InboxPage } from '../../../ports/device-inbox.ts';
import type { Clock } from '../../../ports/clock.ts';
import type { DeviceRef } from '../../../ports/device-key-store.ts';
import type { Notifier } from '../../../ports/notifier.ts';
import type { StreamPositions } from '../../../ports/stream-positions.ts';
import { isDuplicateKey } from '../outage.ts';
import type { Transact } from '../transaction.ts';
import type { ToDeviceRow, ToDeviceSeenRow } from './to-device-collection.ts';
import {
  TO_DEVICE,
  TO_DEVICE_DEDUPE_INDEX,
  TO_DEVICE_INBOX_INDEX,
  TO_DEVICE_SEEN,
} from './to-device-collection.ts';

export type DeviceInboxDeps = {
  readonly db: mongo.Db;
  readonly stream: StreamPositions;
  readonly notifier: Notifier;
  readonly transact: Transact;
  readonly clock: Clock;
};

type Waiting = {
  readonly messages: readonly IncomingToDevice[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
};

/** Most messages in one insert: larger batches no longer save flushes and hold up whoever waits. */
const MAX_BATCH = 1_000;

const { MongoBulkWriteError, ObjectId } = mongoose.mongo;

/** Whether every failed row of an unordered insert failed as a repeat of a message that is stored already. */
const onlyRepeats = (error: unknown): boolean => {
  if (!(error instanceof MongoBulkWriteError)) return false;
  return [error.writeErrors].flat().every((failure: unknown) => {
    const { code, errmsg } = failure as { readonly code?: number; readonly errmsg?: string };
    return code === 11_000 && (errmsg ?? '').includes(`index: ${TO_DEVICE_DEDUPE_INDEX} `);
  });
};

/** Times a message that must come once is judged again because its repeat came between. */
const MAX_COLLISIONS = 5;

const seenId = ({ to, dedupeKey }: IncomingToDevice): string => `${deviceName(to)}\n${dedupeKey}`;

const rowOf = (
  { to, dedupeKey, sender, type, content }: IncomingToDevice,
  position: number,
): ToDeviceRow => ({
  _id: new ObjectId(),
  position,
  device: deviceName(to),
  dedupe: dedupeKey,
  sender,
  type,
  json: JSON.stringify(content),
});

/** Inboxes in MongoDB. Messages that arrive while a write is under way share the next one, and its disk flush. */
export class MongoDeviceInbox implements DeviceInbox {
  readonly #deps: DeviceInboxDeps;
  readonly #rows: mongo.Collection<ToDeviceRow>;
  readonly #seen: mongo.Collection<ToDeviceSeenRow>;
  #waiting: Waiting[] = [];
  #writing = false;

  constructor(deps: DeviceInboxDeps) {
    this.#deps = deps;
    this.#rows = deps.db.collection(TO_DEVICE);
    this.#seen = deps.db.collection(TO_DEVICE_SEEN);
  }

  put(messages: readonly IncomingToDevice[]): Promise<void> {
    if (messages.length === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ messages, resolve, reject });
      if (!this.#writing) void this.#drain();
    });
  }

  async putOnce(messages: readonly IncomingToDevice[]): Promise<void> {
    if (messages.length === 0) return;
    const { stream, notifier, transact, clock } = this.#deps;
    for (let collisions = 0; ; collisions += 1) {
      try {
        const { last, fresh } = await stream.write(messages.length, async (positions) => ({
          last: positions.at(-1) ?? 0,
          fresh: await transact(async (session) => {
            const ids = messages.map(seenId);
            const known = await this.#seen.find({ _id: { $in: ids } }, { session }).toArray();
            const seen = new Set(known.map(({ _id }) => _id));
            const unseen = messages.filter((message) => !seen.has(seenId(message)));
            if (unseen.length === 0) return unseen;
            const at = new Date(clock.now());
            await this.#seen.insertMany(
              unseen.map((message) => ({ _id: seenId(message), at })),
              { session },
            );
            await this.#rows.insertMany(
              unseen.map((message, index) => rowOf(message, positions[index] ?? 0)),
              { session },
            );
            return unseen;
          }),
        }));
        notifier.publish([...new Set(fresh.map(({ to }) => deviceWakeKey(to)))], last);
        return;
      } catch (error) {
        // The same message came by another way in the same moment.
        if (!isDuplicateKey(error) || collisions >= MAX_COLLISIONS) throw error;
      }
    }
  }

  async read(device: DeviceRef, after: number, upTo: number, limit: number): Promise<InboxPage> {
    const rows = await this.#rows
      .find(
        { device: deviceName(device), position: { $gt: after, $lte: upTo } },
        { hint: TO_DEVICE_INBOX_INDEX },
      )
      .sort({ position: 1 })
      .limit(limit)
      .toArray();
    const messages = rows.map(({ sender, type, json }) => ({
      sender,
      type,
      content: JSON.parse(json) as JsonObject,
    }));
    return { messages, through: rows.length === limit ? (rows.at(-1)?.position ?? upTo) : upTo };
  }

  async newest(device: DeviceRef): Promise<number> {
    const row = await this.#rows.findOne(
      { device: deviceName(device) },
      { sort: { position: -1 }, projection: { position: 1 }, hint: TO_DEVICE_INBOX_INDEX },
    );
    return row?.position ?? 0;
  }

  async acknowledge(device: DeviceRef, through: number): Promise<void> {
    await this.#rows.deleteMany(
      { device: deviceName(device), position: { $lte: through } },
      // Deleting late or twice does no harm, so it need not wait for the disk.
      { hint: TO_DEVICE_INBOX_INDEX, writeConcern: { w: 1, journal: false } },
    );
  }

  async drop(devices: readonly DeviceRef[]): Promise<void> {
    await this.#rows.deleteMany(
      { device: { $in: devices.map(deviceName) } },
      { hint: TO_DEVICE_INBOX_INDEX },
    );
  }

  async #drain(): Promise<void> {
    this.#writing = true;
    while (this.#waiting.length > 0) {
      const batch: Waiting[] = [];
      let size = 0;
      while (size < MAX_BATCH) {
        const next = this.#waiting.shift();
        if (next === undefined) break;
        batch.push(next);
        size += next.messages.length;
      }
      try {
        await this.#write(batch.flatMap(({ messages }) => messages));
        for (const { resolve } of batch) resolve();
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#writing = false;
  }

  async #write(messages: readonly IncomingToDevice[]): Promise<void> {
    const last = await this.#deps.stream.write(messages.length, async (positions) => {
      const rows = messages.map((message, index) => rowOf(message, positions[index] ?? 0));
      try {
        await this.#rows.insertMany(rows, { ordered: false });
      } catch (error) {
        if (!onlyRepeats(error)) throw error;
      }
      return positions.at(-1) ?? 0;
    });
    const keys = new Set(messages.map(({ to }) => deviceWakeKey(to)));
    this.#deps.notifier.publish([...keys], last);
  }
}
