import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { mongo } from 'mongoose';
import { planFor } from '../../../domain/e2ee/rotation/jobs.ts';
import type { Departure, DepartureStore } from '../../../ports/departure-store.ts';
import type { Outbox } from '../outbox.ts';
import { isDuplicateKey } from '../outage.ts';
import type { Transact } from '../transaction.ts';

type DepartureRow = { readonly _id: RoomId; readonly eventId: EventId; readonly position: number };
type CursorRow = { readonly _id: string; readonly position: number };

export const ROOM_DEPARTURES = 'roomDepartures';
export const STREAM_CURSORS = 'streamCursors';

const CURSOR = 'departures';

export type DepartureStoreDeps = {
  readonly db: mongo.Db;
  readonly transact: Transact;
  readonly outbox: Outbox;
  /** Called after a job was left. */
  readonly committed: () => void;
};

/** Departures in MongoDB, one row per room. */
export class MongoDepartureStore implements DepartureStore {
  readonly #deps: DepartureStoreDeps;
  readonly #rooms: mongo.Collection<DepartureRow>;
  readonly #cursors: mongo.Collection<CursorRow>;

  constructor(deps: DepartureStoreDeps) {
    this.#deps = deps;
    this.#rooms = deps.db.collection(ROOM_DEPARTURES);
    this.#cursors = deps.db.collection(STREAM_CURSORS);
  }

  async newest(room: RoomId): Promise<Pick<Departure, 'eventId' | 'position'> | undefined> {
    return (await this.#rooms.findOne({ _id: room })) ?? undefined;
  }

  async note(departure: Departure): Promise<void> {
    const { room, eventId, position } = departure;
    try {
      await this.#deps.transact(async (session) => {
        // Fails on the room's id when the row is as new: an upsert that matches nothing inserts.
        await this.#rooms.updateOne(
          { _id: room, position: { $lt: position } },
          { $set: { eventId, position } },
          { upsert: true, session },
        );
        await this.#deps.outbox.add([planFor(departure)], session);
      });
      this.#deps.committed();
    } catch (error) {
      if (!isDuplicateKey(error)) throw error;
    }
  }

  async cursor(): Promise<number> {
    return (await this.#cursors.findOne({ _id: CURSOR }))?.position ?? 0;
  }

  async moveCursor(to: number): Promise<void> {
    await this.#cursors.updateOne(
      { _id: CURSOR },
      { $max: { position: to } },
      // Looking through the same events again does no harm.
      { upsert: true, writeConcern: { w: 1, journal: false } },
    );
  }
}
