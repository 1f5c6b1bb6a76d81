import { ownString, type JsonObject, type JsonValue } from '@nyx/federation/json/value.ts';
import { EventType } from '@nyx/federation/spec/event-types.ts';
import type { Push, Pusher, PushTweaks } from '../../ports/pushers.ts';
import type { StoredEvent } from '../events/stored-event.ts';
import type { RoomReads } from '../rooms/room-reads.ts';

const MILLISECONDS = 1_000;

/** `data` goes to the gateway as the client gave it, without the address (spec: Client-Server API, PusherData). */
const deviceOf = (
  { appId, pushkey, updatedAt, data }: Pusher,
  tweaks: PushTweaks | undefined,
): JsonObject => {
  const { url: _url, ...rest } = data;
  return {
    app_id: appId,
    pushkey,
    pushkey_ts: Math.floor(updatedAt / MILLISECONDS),
    data: rest,
    ...(tweaks === undefined ? {} : { tweaks }),
  };
};

/** Counts that are zero are left out; without any, an app clears its badge. */
const countsOf = (badge: number): JsonObject => (badge > 0 ? { unread: badge } : {});

/** What wakes a device with sound or highlight, and what may be a message to it, is urgent. */
const priorityOf = ({ sound, highlight }: PushTweaks, type: string): 'high' | 'low' =>
  sound !== undefined || highlight === true || type === EventType.Encrypted ? 'high' : 'low';

/** Only the number of unread messages (spec: Push Gateway API, POST notify). */
export const badgeNotification = (pusher: Pusher, badge: number, isWake: boolean): JsonObject => ({
  notification: {
    counts: countsOf(badge),
    ...(isWake ? { prio: 'low' } : {}),
    devices: [deviceOf(pusher, undefined)],
  },
});

/** What a gateway is told of an event; with the format `event_id_only` no more than where to find it. */
export const eventNotification = async (
  rooms: RoomReads,
  pusher: Pusher,
  push: Extract<Push, { kind: 'event' }>,
  event: StoredEvent,
  badge: number,
): Promise<JsonObject> => {
  const { pdu, id, room } = event;
  const base = {
    event_id: id,
    room_id: room,
    prio: priorityOf(push.tweaks, pdu.type),
    counts: countsOf(badge),
  };
  if (ownString(pusher.data, 'format') === 'event_id_only')
    return { notification: { ...base, devices: [deviceOf(pusher, undefined)] } };
  const names = await namesIn(rooms, event);
  const notification: Record<string, JsonValue> = {
    ...base,
    ...names,
    type: pdu.type,
    sender: pdu.sender,
    content: pdu.content,
    devices: [deviceOf(pusher, push.tweaks)],
  };
  if (pdu.type === EventType.Member) notification.user_is_target = pdu.stateKey === pusher.userId;
  return { notification };
};

const namesIn = async (rooms: RoomReads, { room, pdu }: StoredEvent): Promise<JsonObject> => {
  const live = await rooms.find(room);
  if (live === undefined) return {};
  const { state } = live.head;
  const member = await rooms.stateEvent(state, EventType.Member, pdu.sender);
  const sender = member === undefined ? undefined : ownString(member.pdu.content, 'displayname');
  const name = await rooms.stateText(state, EventType.Name, 'name');
  const alias = await rooms.stateText(state, EventType.CanonicalAlias, 'alias');
  return {
    ...(sender === undefined ? {} : { sender_display_name: sender }),
    ...(name === undefined ? {} : { room_name: name }),
    ...(alias === undefined ? {} : { room_alias: alias }),
  };
};
