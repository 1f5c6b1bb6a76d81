import type { RoomAlias } from '@nyx/federation/spec/identifiers/room-alias.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { mongo } from 'mongoose';
import type { Clock } from '../../../ports/clock.ts';
import type { RoomCreation, RoomCreations } from '../../../ports/room-creations.ts';
import { isDuplicateKey } from '../outage.ts';
import { fromDocument, toDocument, type EventDocument } from '../events/event-document.ts';
import { layerFromDocument, layerToDocument, type StateLayerDocument } from '../events/mongo-state-layers.ts';

export type RoomCreationDocument = {
  _id: RoomId;
  at: number;
  host: string;
  process: string;
  alias?: RoomAlias;
  isPublic: boolean;
  events: EventDocument[];
  layers: StateLayerDocument[];
};

export const ROOM_CREATIONS = 'roomCreations';

/** After so long, whoever began it is thought dead wherever it ran. */
const ABANDONED_AFTER_MS = 60_000;

export type ProcessIdentity = {
  readonly host: string;
  readonly process: string;
  readonly isAlive: (process: string) => boolean;
};

/** Room creations under way, in MongoDB. */
export class MongoRoomCreations implements RoomCreations {
  readonly #creations: mongo.Collection<RoomCreationDocument>;
  readonly #process: ProcessIdentity;
  readonly #clock: Clock;

  constructor(db: mongo.Db, identity: ProcessIdentity, clock: Clock) {
    this.#creations = db.collection<RoomCreationDocument>(ROOM_CREATIONS);
    this.#process = identity;
    this.#clock = clock;
  }

  async begin(creation: RoomCreation): Promise<boolean> {
    const { host, process } = this.#process;
    try {
      await this.#insert(creation, { host, process });
      return true;
    } catch (error) {
      if (isDuplicateKey(error)) return false;
      throw error;
    }
  }

  async #insert(
    creation: RoomCreation,
    { host, process }: Pick<ProcessIdentity, 'host' | 'process'>,
  ): Promise<void> {
    // Not flushed by itself: the journal is one sequence, and the flush of the room's events carries this with it.
    await this.#creations.insertOne(
      {
        _id: creation.room,
        at: this.#clock.now(),
        host,
        process,
        ...(creation.alias === undefined ? {} : { alias: creation.alias }),
        isPublic: creation.isPublic,
        events: creation.events.map(toDocument),
        layers: creation.layers.map(layerToDocument),
      },
      { writeConcern: { w: 1, journal: false } },
    );
  }

  async finish(room: RoomId): Promise<void> {
    await this.#creations.deleteOne({ _id: room }, { writeConcern: { w: 1, journal: false } });
  }

  async abandoned(): Promise<RoomCreation[]> {
    const { host, process, isAlive } = this.#process;
    const old = this.#clock.now() - ABANDONED_AFTER_MS;
    const found = await this.#creations.find({}).toArray();
    return found
      .filter(
        (row) => row.at < old || (row.host === host && row.process !== process && !isAlive(row.process)),
      )
      .map((row) => ({
        room: row._id,
        events: row.events.map(fromDocument),
        layers: row.layers.map(layerFromDocument),
        alias: row.alias,
        isPublic: row.isPublic,
      }));
  }
}
