import type { RoomSummary } from '../../../domain/rooms/room-summary.ts';
import type { PublicRoom } from '../../../ports/room-directory.ts';

/** A room as lists show it (spec: Client-Server API, PublishedRoomsChunk). */
export const publicRoomJson = (room: PublicRoom): Record<string, unknown> => ({
  room_id: room.room,
  num_joined_members: room.joinedMembers,
  world_readable: room.worldReadable,
  guest_can_join: room.guestCanJoin,
  join_rule: room.joinRule,
  ...(room.name === undefined ? {} : { name: room.name }),
  ...(room.topic === undefined ? {} : { topic: room.topic }),
  ...(room.canonicalAlias === undefined ? {} : { canonical_alias: room.canonicalAlias }),
  ...(room.avatarUrl === undefined ? {} : { avatar_url: room.avatarUrl }),
  ...(room.roomType === undefined ? {} : { room_type: room.roomType }),
});

/** A room as summaries and space hierarchies show it. */
export const roomSummaryJson = (summary: RoomSummary): Record<string, unknown> => ({
  ...publicRoomJson(summary),
  ...(summary.version === undefined ? {} : { room_version: summary.version }),
  ...(summary.encryption === undefined ? {} : { encryption: summary.encryption }),
  ...(summary.allowedRooms.length === 0 ? {} : { allowed_room_ids: summary.allowedRooms }),
});
