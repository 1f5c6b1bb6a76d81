import { EventType, type Membership } from '@nyx/federation/spec/event-types.ts';
import type { Departure } from '../../../ports/departure-store.ts';
import type { RoomState } from '../../events/room-state.ts';
import type { StoredEvent } from '../../events/stored-event.ts';

/** The states of rooms, by the id that events carry. */
export interface StatesById {
  get(id: string): Promise<RoomState>;
}

const isGone = (membership: Membership): boolean => membership === 'leave' || membership === 'ban';

/**
 * The departures from an encrypted room that committing an event brought about. Somebody who declines an invite was
 * never given a key, and is none.
 */
export const findDepartures = async (event: StoredEvent, states: StatesById): Promise<Departure[]> => {
  const gone = event.memberChanges.filter(({ membership }) => isGone(membership));
  if (gone.length === 0 || event.stream === undefined || event.stateBefore === undefined) return [];
  const before = await states.get(event.stateBefore);
  if (before.get(EventType.Encryption, '') === undefined) return [];
  const { room, stream: position } = event;
  return gone.flatMap(({ user, membership, eventId }) => {
    // A change that another event's arrival brought about was resolved, not sent: the state before tells nothing of it.
    if (eventId === event.id && before.membership(user) !== 'join') return [];
    const { sender } = event.pdu;
    const reason = membership === 'ban' ? 'ban' : sender === user ? 'leave' : 'kick';
    return [{ room, eventId, position, user, sender, reason }];
  });
};
