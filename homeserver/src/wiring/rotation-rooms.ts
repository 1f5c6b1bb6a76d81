import { EventType } from '@nyx/federation/spec/event-types.ts';
import { isRoomId, type RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { RotationRooms } from '../jobs/keys/rotation.ts';
import type { DepartureStore } from '../ports/departure-store.ts';
import type { RoomServices } from './room-services.ts';

/** What the fan-out of key changes asks of rooms. */
export const rotationRooms = (
  { rooms, userRooms }: Pick<RoomServices, 'rooms' | 'userRooms'>,
  departures: DepartureStore,
): RotationRooms => {
  const stateOf = async (room: string) => (isRoomId(room) ? (await rooms.find(room))?.head.state : undefined);
  return {
    joinedMembers: async (room) => {
      const members = (await stateOf(room))?.members() ?? [];
      return [...members].flatMap(([user, membership]) => (membership === 'join' ? [user] : []));
    },
    isEncrypted: async (room) => (await stateOf(room))?.get(EventType.Encryption, '') !== undefined,
    joinedRooms: (userId) => userRooms.joined(userId),
    newestDeparture: async (room) => (await departures.newest(room as RoomId))?.eventId,
  };
};
