import type { EngineArgs } from '../crypto/engine/protocol.ts';
import type { SyncResponse } from '../matrix/api/sync.ts';
import { invitedRoomSchema, joinedRoomSchema } from '../matrix/api/sync.ts';
import { parseBareEvent, parseEvents, parseRoomEvent } from '../matrix/events.ts';
import { limits } from '../matrix/limits.ts';

type SyncArgs = EngineArgs<'processSync'>;
type RoomArgs = NonNullable<SyncArgs['rooms']>[string];

const fits = (roomId: string): boolean => roomId.startsWith('!') && roomId.length <= 255;

/**
 * The part of a sync response that the crypto engine needs. Malformed events and rooms are left out here, so that one
 * of them cannot make the engine refuse the whole response.
 */
export const engineSync = (response: SyncResponse): SyncArgs => {
  const rooms: Record<string, RoomArgs> = {};
  const { join, leave, invite, knock } = response.rooms;
  const joined = (part: unknown, membership: 'join' | 'leave'): RoomArgs | undefined => {
    const parsed = joinedRoomSchema.safeParse(part);
    if (!parsed.success) return undefined;
    return {
      membership,
      limited: parsed.data.timeline.limited === true,
      stateBefore: parseEvents(parsed.data.state.events, parseRoomEvent, limits.syncState),
      timeline: parseEvents(parsed.data.timeline.events, parseRoomEvent, limits.syncTimeline),
    };
  };
  const take = (roomId: string, room: RoomArgs | undefined): void => {
    if (room !== undefined && fits(roomId)) rooms[roomId] = room;
  };
  for (const [roomId, part] of Object.entries(join)) take(roomId, joined(part, 'join'));
  for (const [roomId, part] of Object.entries(leave)) take(roomId, joined(part, 'leave'));
  for (const [roomId, part] of Object.entries(invite)) {
    const parsed = invitedRoomSchema.safeParse(part);
    if (!parsed.success) continue;
    take(roomId, {
      membership: 'invite',
      stateBefore: parseEvents(parsed.data.invite_state.events, parseBareEvent, 200),
    });
  }
  for (const roomId of Object.keys(knock)) take(roomId, { membership: 'knock' });
  return {
    nextBatch: response.next_batch,
    toDevice: response.to_device.events.slice(0, limits.toDevice),
    deviceLists: response.device_lists,
    oneTimeKeysCount: response.device_one_time_keys_count,
    ...(response.device_unused_fallback_key_types === null
      ? {}
      : { unusedFallbackKeyTypes: response.device_unused_fallback_key_types }),
    accountData: parseEvents(response.account_data.events, parseBareEvent, 1_000),
    rooms,
  };
};
