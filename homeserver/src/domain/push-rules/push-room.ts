import { readLevel } from '@nyx/federation/auth/power.ts';
import { isJsonObject, ownString, ownValue } from '@nyx/federation/json/value.ts';
import { EventType } from '@nyx/federation/spec/event-types.ts';
import type { LiveRoom } from '../events/room-heads.ts';
import type { StoredEvent } from '../events/stored-event.ts';
import type { RoomReads } from '../rooms/room-reads.ts';
import type { PushEvent, PushRoom } from './evaluate.ts';

/** Level needed to notify the whole room, if the power levels do not say. */
const DEFAULT_NOTIFICATION_LEVEL = 50;

/** What a user's push rules may ask of a room, for events of a sender. */
export const pushRoomFor = async (
  rooms: RoomReads,
  live: LiveRoom,
  user: string,
): Promise<(sender: string) => PushRoom> => {
  const member = await rooms.stateEvent(live.head.state, EventType.Member, user);
  const levels = await rooms.stateEvent(live.head.state, EventType.PowerLevels, '');
  const power = await rooms.power(live);
  const name = member === undefined ? undefined : ownString(member.pdu.content, 'displayname');
  const notifications = levels === undefined ? undefined : ownValue(levels.pdu.content, 'notifications');
  return (sender) => ({
    memberCount: () => live.tally.joined,
    displayName: () => name,
    senderMayNotify: (key) => {
      const given = isJsonObject(notifications) ? ownValue(notifications, key) : undefined;
      const needed = readLevel(live.head.rules.auth, given) ?? DEFAULT_NOTIFICATION_LEVEL;
      return power.ofUser(sender) >= needed;
    },
  });
};

/** What push rules look at. */
export const pushEvent = ({ pdu, id, room }: StoredEvent): PushEvent => ({
  event_id: id,
  room_id: room,
  type: pdu.type,
  sender: pdu.sender,
  ...(pdu.stateKey === undefined ? {} : { state_key: pdu.stateKey }),
  content: pdu.content,
});
