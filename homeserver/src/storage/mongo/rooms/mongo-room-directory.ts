import type { RoomAlias } from '@nyx/federation/spec/identifiers/room-alias.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { UserId } from '@nyx/federation/spec/identifiers/user-id.ts';
import type { mongo } from 'mongoose';
import type { NamedIndex } from '../create-indexes.ts';
import { isDuplicateKey } from '../outage.ts';
import type {
  AliasRecord,
  PublicRoom,
  PublicRoomsQuery,
  RoomAliases,
  RoomDirectory,
} from '../../../ports/room-directory.ts';

export type AliasDocument = { _id: RoomAlias; r: RoomId; u: UserId; at: number };
export type PublicRoomDocument = {
  _id: RoomId;
  /** Null where the room has none, so that a query can ask for that. */
  type: string | null;
  joined: number;
  name?: string;
  topic?: string;
  alias?: string;
  avatar?: string;
  world: boolean;
  guest: boolean;
  rule: string;
};

export const ALIASES = 'aliases';
export const ALIAS_INDEXES: readonly NamedIndex[] = [{ name: 'room', key: { r: 1 } }];
export const PUBLIC_ROOMS = 'publicRooms';
export const PUBLIC_ROOM_INDEXES: readonly NamedIndex[] = [{ name: 'joined', key: { joined: -1, _id: 1 } }];

/** Aliases in MongoDB. */
export class MongoRoomAliases implements RoomAliases {
  readonly #aliases: mongo.Collection<AliasDocument>;

  constructor(db: mongo.Db) {
    this.#aliases = db.collection<AliasDocument>(ALIASES);
  }

  async find(alias: RoomAlias): Promise<AliasRecord | undefined> {
    const found = await this.#aliases.findOne({ _id: alias });
    return found === null ? undefined : toRecord(found);
  }

  async add({ alias, room, creator, createdAt }: AliasRecord): Promise<boolean> {
    try {
      await this.#aliases.insertOne({ _id: alias, r: room, u: creator, at: createdAt });
      return true;
    } catch (error) {
      if (isDuplicateKey(error)) return false;
      throw error;
    }
  }

  async remove(alias: RoomAlias): Promise<boolean> {
    const { deletedCount } = await this.#aliases.deleteOne({ _id: alias });
    return deletedCount === 1;
  }

  async ofRoom(room: RoomId): Promise<AliasRecord[]> {
    const found = await this.#aliases.find({ r: room }).hint('room').toArray();
    return found.map(toRecord);
  }
}

const toRecord = ({ _id, r, u, at }: AliasDocument): AliasRecord => ({
  alias: _id,
  room: r,
  creator: u,
  createdAt: at,
});

/** Public rooms in MongoDB. */
export class MongoRoomDirectory implements RoomDirectory {
  readonly #rooms: mongo.Collection<PublicRoomDocument>;

  constructor(db: mongo.Db) {
    this.#rooms = db.collection<PublicRoomDocument>(PUBLIC_ROOMS);
  }

  async isPublic(room: RoomId): Promise<boolean> {
    return (await this.#rooms.findOne({ _id: room }, { projection: { _id: 1 } })) !== null;
  }

  async publish(room: PublicRoom): Promise<void> {
    const { _id, ...fields } = toDocument(room);
    await this.#rooms.replaceOne({ _id }, fields, { upsert: true });
  }

  async unpublish(room: RoomId): Promise<void> {
    await this.#rooms.deleteOne({ _id: room });
  }

  async search(query: PublicRoomsQuery): Promise<{ rooms: PublicRoom[]; total: number }> {
    const where = conditions(query);
    const [found, total] = await Promise.all([
      this.#rooms
        .find(where)
        .sort({ joined: -1, _id: 1 })
        .skip(query.skip)
        .limit(query.limit)
        .hint('joined')
        .toArray(),
      this.#rooms.countDocuments(where),
    ]);
    return { rooms: found.map(fromDocument), total };
  }
}

function conditions({ search, types }: PublicRoomsQuery): mongo.Filter<PublicRoomDocument> {
  const where: mongo.Filter<PublicRoomDocument> = {};
  if (types !== undefined) where.type = { $in: [...types] };
  if (search !== undefined && search !== '') {
    const matches = { $regex: search.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&'), $options: 'i' };
    where.$or = [{ name: matches }, { topic: matches }, { alias: matches }];
  }
  return where;
}

function toDocument(room: PublicRoom): PublicRoomDocument {
  return {
    _id: room.room,
    type: room.roomType ?? null,
    joined: room.joinedMembers,
    world: room.worldReadable,
    guest: room.guestCanJoin,
    rule: room.joinRule,
    ...(room.name === undefined ? {} : { name: room.name }),
    ...(room.topic === undefined ? {} : { topic: room.topic }),
    ...(room.canonicalAlias === undefined ? {} : { alias: room.canonicalAlias }),
    ...(room.avatarUrl === undefined ? {} : { avatar: room.avatarUrl }),
  };
}

const fromDocument = (document: PublicRoomDocument): PublicRoom => ({
  room: document._id,
  name: document.name,
  topic: document.topic,
  canonicalAlias: document.alias,
  avatarUrl: document.avatar,
  joinedMembers: document.joined,
  worldReadable: document.world,
  guestCanJoin: document.guest,
  joinRule: document.rule,
  roomType: document.type ?? undefined,
});
