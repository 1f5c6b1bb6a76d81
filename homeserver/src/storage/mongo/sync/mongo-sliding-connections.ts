import { isRoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { mongo } from 'mongoose';
import { z } from 'zod';
import type { Clock } from '../../../ports/clock.ts';
import type {
  ConnectionKey,
  ConnectionState,
  SentRoom,
  SlidingConnectionStore,
} from '../../../ports/sliding-connections.ts';
import type { NamedIndex } from '../create-indexes.ts';

export const SLIDING_CONNECTIONS = 'slidingConnections';

/** A connection that told nothing new for so long is forgotten. */
const TTL_SECONDS = 7 * 86_400;
const MAX_PER_DEVICE = 20;

export const SLIDING_CONNECTION_INDEXES: readonly NamedIndex[] = [
  { name: 'sliding_device', key: { user: 1, device: 1, at: 1 } },
  { name: 'sliding_ttl', key: { at: 1 }, expireAfterSeconds: TTL_SECONDS },
];

type Row = {
  _id: string;
  user: string;
  device: string;
  at: Date;
  /** Positions with their states, packed as JSON. */
  positions: { id: string; state: string }[];
};

/** Rooms as [id, limit, index of the selectors, behind since or 0]; most rooms share their selectors. */
const packedSchema = z.object({
  selectors: z.array(z.string()),
  rooms: z.array(z.tuple([z.string(), z.number(), z.number(), z.number()])),
});

const pack = (state: ConnectionState): string => {
  const selectors = new Map<string, number>();
  const rooms = [...state].map(([room, sent]) => {
    const index = selectors.get(sent.selectors) ?? selectors.size;
    selectors.set(sent.selectors, index);
    return [room, sent.limit, index, sent.through ?? 0];
  });
  return JSON.stringify({ selectors: [...selectors.keys()], rooms });
};

const unpack = (text: string): ConnectionState => {
  const { selectors, rooms } = packedSchema.parse(JSON.parse(text));
  const state = new Map();
  for (const [room, limit, index, through] of rooms) {
    if (!isRoomId(room)) continue;
    const sent: SentRoom = {
      limit,
      selectors: selectors[index] ?? '',
      through: through === 0 ? undefined : through,
    };
    state.set(room, sent);
  }
  return state;
};

const idOf = ({ user, device, connId }: ConnectionKey): string => JSON.stringify([user, device, connId]);

/** Connections of sliding sync in MongoDB, one document each. Not journaled: what is lost is begun anew. */
export class MongoSlidingConnections implements SlidingConnectionStore {
  readonly #rows: mongo.Collection<Row>;
  readonly #clock: Clock;

  constructor(db: mongo.Db, clock: Clock) {
    this.#rows = db.collection<Row>(SLIDING_CONNECTIONS, { writeConcern: { w: 1, journal: false } });
    this.#clock = clock;
  }

  async load(key: ConnectionKey): Promise<ReadonlyMap<string, ConnectionState> | undefined> {
    const row = await this.#rows.findOne({ _id: idOf(key) });
    return row === null ? undefined : new Map(row.positions.map(({ id, state }) => [id, unpack(state)]));
  }

  async save(key: ConnectionKey, positions: ReadonlyMap<string, ConnectionState>): Promise<void> {
    const { user, device } = key;
    const packed = [...positions].map(([id, state]) => ({ id, state: pack(state) }));
    const { upsertedCount } = await this.#rows.updateOne(
      { _id: idOf(key) },
      { $set: { user, device, at: new Date(this.#clock.now()), positions: packed } },
      { upsert: true },
    );
    if (upsertedCount > 0) await this.#dropOldest(user, device);
  }

  async #dropOldest(user: string, device: string): Promise<void> {
    const surplus = await this.#rows
      .find({ user, device }, { projection: { _id: 1 } })
      .sort({ at: -1 })
      .skip(MAX_PER_DEVICE)
      .toArray();
    if (surplus.length > 0) await this.#rows.deleteMany({ _id: { $in: surplus.map(({ _id }) => _id) } });
  }
}
