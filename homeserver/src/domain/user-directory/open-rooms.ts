import { EventType } from '@nyx/federation/spec/event-types.ts';
import type { LiveRoom } from '../events/room-heads.ts';
import type { RoomReads } from '../rooms/room-reads.ts';

/** Whether anybody may join a room or read it, so that its members are no secret. */
export const isOpenRoom = async (rooms: RoomReads, { head: { state } }: LiveRoom): Promise<boolean> => {
  if ((await rooms.stateText(state, EventType.JoinRules, 'join_rule')) === 'public') return true;
  const visibility = await rooms.stateText(state, EventType.HistoryVisibility, 'history_visibility');
  return visibility === 'world_readable';
};
