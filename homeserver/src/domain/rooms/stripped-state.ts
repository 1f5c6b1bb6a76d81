import type { JsonObject } from '@nyx/federation/json/value.ts';
import { EventType, STRIPPED_STATE_TYPES } from '@nyx/federation/spec/event-types.ts';
import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { RoomState } from '../events/room-state.ts';
import type { StoredEvent } from '../events/stored-event.ts';
import type { RoomReads } from './room-reads.ts';

/** The stripped form of a state event (spec: Client-Server API, stripped state). */
export const stripped = ({ pdu }: StoredEvent): JsonObject => ({
  type: pdu.type,
  state_key: pdu.stateKey ?? '',
  sender: pdu.sender,
  content: pdu.content,
});

/**
 * What a user who is invited or knocks is shown of a room: its naming state, the member event itself, and that of who
 * sent it.
 */
export async function strippedState(
  rooms: RoomReads,
  state: RoomState,
  member: StoredEvent,
): Promise<JsonObject[]> {
  const ids: EventId[] = [];
  for (const type of STRIPPED_STATE_TYPES) {
    const id = state.get(type, '');
    if (id !== undefined) ids.push(id);
  }
  if (member.pdu.sender !== member.pdu.stateKey) {
    const inviter = state.get(EventType.Member, member.pdu.sender);
    if (inviter !== undefined) ids.push(inviter);
  }
  const events = await rooms.engine.events.getAll(ids);
  return [...events.values(), member].map(stripped);
}
