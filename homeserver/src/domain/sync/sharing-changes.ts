import { EventType } from '@nyx/federation/spec/event-types.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { MembershipRow } from '../../ports/event-store.ts';
import type { SharingChanges } from '../../ports/sync-sources.ts';
import { membershipOf, type StoredEvent } from '../events/stored-event.ts';

/** What a sync tells of a room. */
export type ToldRoom = {
  readonly row: MembershipRow;
  /** Joined within the window. */
  readonly fresh: boolean;
  readonly events: readonly StoredEvent[];
};

/** Who begins or ceases to share rooms with the user, as far as the timelines of a sync show it. */
export function sharingChanges(told: readonly ToldRoom[], since: number): SharingChanges {
  const joinedRooms: RoomId[] = [];
  const leftRooms: RoomId[] = [];
  const encryptedRooms: RoomId[] = [];
  const joinedUsers = new Set<string>();
  const leftUsers = new Set<string>();
  for (const { row, fresh, events } of told) {
    if (row.membership !== 'join') leftRooms.push(row.room);
    else if (fresh) joinedRooms.push(row.room);
    for (const { pdu, stream = 0 } of events) {
      if (stream <= since || pdu.stateKey === undefined) continue;
      if (pdu.type === EventType.Encryption && pdu.stateKey === '') encryptedRooms.push(row.room);
      const membership = membershipOf(pdu);
      if (membership === 'join') joinedUsers.add(pdu.stateKey);
      else if (membership === 'leave' || membership === 'ban') leftUsers.add(pdu.stateKey);
    }
  }
  return { joinedRooms, leftRooms, encryptedRooms, joinedUsers, leftUsers };
}
