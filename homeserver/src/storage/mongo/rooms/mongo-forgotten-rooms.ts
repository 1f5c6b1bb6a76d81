import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { mongo } from 'mongoose';
import type { ForgottenRooms } from '../../../ports/forgotten-rooms.ts';
import type { NamedIndex } from '../create-indexes.ts';

export const FORGOTTEN_ROOMS = 'forgottenRooms';
export const FORGOTTEN_ROOM_INDEXES: readonly NamedIndex[] = [
  { name: 'user_room', key: { user: 1, room: 1 }, unique: true },
];

type Row = { user: string; room: RoomId; event: EventId };

/** Forgotten rooms in MongoDB. */
export class MongoForgottenRooms implements ForgottenRooms {
  readonly #rows: mongo.Collection<Row>;

  constructor(db: mongo.Db) {
    this.#rows = db.collection<Row>(FORGOTTEN_ROOMS);
  }

  async add(user: string, room: RoomId, memberEvent: EventId): Promise<void> {
    await this.#rows.updateOne({ user, room }, { $set: { event: memberEvent } }, { upsert: true });
  }

  async of(user: string): Promise<ReadonlyMap<RoomId, EventId>> {
    const rows = await this.#rows.find({ user }).hint('user_room').toArray();
    return new Map(rows.map(({ room, event }) => [room, event]));
  }
}
