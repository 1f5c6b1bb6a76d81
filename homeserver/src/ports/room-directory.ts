import type { RoomAlias } from '@nyx/federation/spec/identifiers/room-alias.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { UserId } from '@nyx/federation/spec/identifiers/user-id.ts';

/** What an alias of this server points at. */
export type AliasRecord = {
  readonly alias: RoomAlias;
  readonly room: RoomId;
  readonly creator: UserId;
  /** When it was made, in milliseconds since the epoch. */
  readonly createdAt: number;
};

/** Aliases of this server. */
export interface RoomAliases {
  find(alias: RoomAlias): Promise<AliasRecord | undefined>;
  /** False if the alias is taken. */
  add(record: AliasRecord): Promise<boolean>;
  remove(alias: RoomAlias): Promise<boolean>;
  ofRoom(room: RoomId): Promise<AliasRecord[]>;
}

/** What the public room list shows of a room (spec: Client-Server API, PublishedRoomsChunk). */
export type PublicRoom = {
  readonly room: RoomId;
  readonly name: string | undefined;
  readonly topic: string | undefined;
  readonly canonicalAlias: string | undefined;
  readonly avatarUrl: string | undefined;
  readonly joinedMembers: number;
  readonly worldReadable: boolean;
  readonly guestCanJoin: boolean;
  readonly joinRule: string;
  readonly roomType: string | undefined;
};

export type PublicRoomsQuery = {
  readonly search: string | undefined;
  /** Room types wanted; null stands for rooms without one. Undefined: all. */
  readonly types: readonly (string | null)[] | undefined;
  readonly skip: number;
  readonly limit: number;
};

/** The list of rooms that anybody may find. */
export interface RoomDirectory {
  isPublic(room: RoomId): Promise<boolean>;
  publish(room: PublicRoom): Promise<void>;
  unpublish(room: RoomId): Promise<void>;
  /** Largest rooms first, and how many match in all. */
  search(query: PublicRoomsQuery): Promise<{ rooms: PublicRoom[]; total: number }>;
}
