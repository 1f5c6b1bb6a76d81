import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';

/** Rooms that users forgot. Coming back to a room undoes it: what is forgotten is one member event. */
export interface ForgottenRooms {
  add(user: string, room: RoomId, memberEvent: EventId): Promise<void>;
  /** Member events that the user forgot the rooms of, by room. */
  of(user: string): Promise<ReadonlyMap<RoomId, EventId>>;
}
