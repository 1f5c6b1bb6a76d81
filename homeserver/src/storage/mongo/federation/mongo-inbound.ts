import { parseJsonObject } from '@nyx/federation/json/parse.ts';
import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { ServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import type { mongo } from 'mongoose';
import type { Clock } from '../../../ports/clock.ts';
import type { InboundStore, StagedPdu } from '../../../ports/federation-stores.ts';
import type { NamedIndex } from '../create-indexes.ts';

export const INBOUND_ANSWERS = 'federation_answers';
export const INBOUND_STAGED = 'federation_staged';

type AnswerRow = { _id: string; answer: string; at: Date };
type StagedRow = {
  _id: EventId;
  room: RoomId;
  origin: ServerName;
  json: string;
  at: Date;
  tries?: number;
  next?: Date;
};

/** Peers give up on a transaction, or repeat it, long before that. */
const ANSWER_TTL_SECONDS = 2 * 86_400;

export const ANSWER_INDEXES: readonly NamedIndex[] = [
  { name: 'federation_answer_age', key: { at: 1 }, expireAfterSeconds: ANSWER_TTL_SECONDS },
];
export const STAGED_INDEXES: readonly NamedIndex[] = [{ name: 'federation_staged_age', key: { at: 1 } }];

/** Pauses before an event is tried again whose past could not be had: 5 s, 15 s, 45 s, ... an hour and a half in all. */
const FIRST_RETRY_MS = 5_000;
const RETRY_FACTOR = 3;
const MAX_TRIES = 7;
/** Events of a room that wait so at a time: what a hostile peer can leave here. */
const MAX_POSTPONED_PER_ROOM = 200;

export const POSTPONED_INDEXES: readonly NamedIndex[] = [
  {
    name: 'federation_staged_next',
    key: { next: 1 },
    partialFilterExpression: { next: { $exists: true } },
  },
  {
    name: 'federation_staged_room',
    key: { room: 1, next: 1 },
    partialFilterExpression: { next: { $exists: true } },
  },
];

const toStaged = ({ _id, room, origin, json }: StagedRow): StagedPdu => ({
  eventId: _id,
  room,
  origin,
  json: parseJsonObject(json),
});

const keyOf = (origin: ServerName, txnId: string): string => `${origin} ${txnId}`;

/** Received events and the answers to transactions, in MongoDB. */
export class MongoInbound implements InboundStore {
  readonly #answers: mongo.Collection<AnswerRow>;
  readonly #staged: mongo.Collection<StagedRow>;
  readonly #clock: Clock;

  constructor(db: mongo.Db, clock: Clock) {
    this.#answers = db.collection<AnswerRow>(INBOUND_ANSWERS);
    this.#staged = db.collection<StagedRow>(INBOUND_STAGED);
    this.#clock = clock;
  }

  async answerTo(origin: ServerName, txnId: string): Promise<string | undefined> {
    return (await this.#answers.findOne({ _id: keyOf(origin, txnId) }))?.answer;
  }

  async keepAnswer(origin: ServerName, txnId: string, answer: string): Promise<void> {
    const at = new Date(this.#clock.now());
    await this.#answers.updateOne(
      { _id: keyOf(origin, txnId) },
      { $setOnInsert: { answer, at } },
      { upsert: true },
    );
  }

  async stage(pdus: readonly StagedPdu[]): Promise<void> {
    if (pdus.length === 0) return;
    const at = new Date(this.#clock.now());
    const operations = pdus.map(({ eventId, room, origin, json }) => ({
      updateOne: {
        filter: { _id: eventId },
        update: { $setOnInsert: { room, origin, json: JSON.stringify(json), at } },
        upsert: true,
      },
    }));
    await this.#staged.bulkWrite(operations, { ordered: false });
  }

  async unstage(eventIds: readonly EventId[]): Promise<void> {
    if (eventIds.length > 0) await this.#staged.deleteMany({ _id: { $in: [...eventIds] } });
  }

  async postpone({ eventId, room }: StagedPdu): Promise<boolean> {
    const row = await this.#staged.findOne({ _id: eventId }, { projection: { tries: 1 } });
    const tries = row?.tries ?? 0;
    if (tries >= MAX_TRIES) return false;
    if (tries === 0) {
      const waiting = { room, next: { $exists: true } };
      const count = await this.#staged.countDocuments(waiting, { limit: MAX_POSTPONED_PER_ROOM });
      if (count >= MAX_POSTPONED_PER_ROOM) return false;
    }
    const next = new Date(this.#clock.now() + FIRST_RETRY_MS * RETRY_FACTOR ** tries);
    await this.#staged.updateOne({ _id: eventId }, { $set: { tries: tries + 1, next } });
    return true;
  }

  async due(limit: number): Promise<readonly StagedPdu[]> {
    const now = new Date(this.#clock.now());
    const rows = this.#staged.find({ next: { $lte: now } }).sort({ next: 1 });
    return (await rows.limit(limit).toArray()).map(toStaged);
  }

  async staged(limit: number): Promise<readonly StagedPdu[]> {
    const rows = await this.#staged.find().sort({ at: 1 }).limit(limit).toArray();
    return rows.map(toStaged);
  }
}
