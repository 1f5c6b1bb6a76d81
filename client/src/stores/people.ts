import { defineStore } from 'pinia';
import { shallowRef, triggerRef, watch } from 'vue';
import type { ShallowRef } from 'vue';
import { members as fetchMembers } from '../matrix/api/rooms.ts';
import { parseEvents, parseRoomEvent, stringOf } from '../matrix/events.ts';
import { limits } from '../matrix/limits.ts';
import { cleanName } from '../matrix/store/room-writer.ts';
import { localpartOf } from '../matrix/types.ts';
import type { BareEvent, Membership } from '../matrix/types.ts';
import { resolveProfile } from '../plugins/registry.ts';
import { useSession } from './session.ts';

export type Member = {
  userId: string;
  /** Shown name: made unambiguous where two members share one. */
  name: string;
  avatar: string | undefined;
  membership: Membership;
};

type Room = { members: Map<string, Member>; names: Map<string, number>; full: boolean };

const memberOf = (event: BareEvent): Member | undefined => {
  const membership = stringOf(event.content.membership);
  if (event.state_key === undefined) return undefined;
  if (!(
    membership === 'join' ||
    membership === 'invite' ||
    membership === 'leave' ||
    membership === 'ban' ||
    membership === 'knock'
  )) {
    return undefined;
  }
  return {
    userId: event.state_key,
    name: cleanName(event.content.displayname),
    avatar: stringOf(event.content.avatar_url),
    membership,
  };
};

/** Who is in a room, from what the server has told us so far; the whole list is fetched when it is needed. */
export const usePeople = defineStore('people', () => {
  const session = useSession();
  const rooms = new Map<string, ShallowRef<Room>>();

  const roomOf = (roomId: string): ShallowRef<Room> => {
    const known = rooms.get(roomId);
    if (known !== undefined) return known;
    const room = shallowRef<Room>({ members: new Map(), names: new Map(), full: false });
    rooms.set(roomId, room);
    return room;
  };

  const put = (room: Room, event: BareEvent): boolean => {
    const member = event.type === 'm.room.member' ? memberOf(event) : undefined;
    if (member === undefined) return false;
    const before = room.members.get(member.userId);
    if (before !== undefined) room.names.set(before.name, (room.names.get(before.name) ?? 1) - 1);
    room.names.set(member.name, (room.names.get(member.name) ?? 0) + 1);
    room.members.set(member.userId, member);
    return true;
  };

  /** Reads what is stored; call when a room opens. */
  const load = async (roomId: string): Promise<void> => {
    const { runtime } = session;
    const room = roomOf(roomId);
    if (runtime === undefined || room.value.members.size > 0) return;
    const rows = await runtime.db.getAllFromIndex('state', 'byType', [roomId, 'm.room.member']);
    for (const row of rows) put(room.value, row.ev);
    triggerRef(room);
  };

  /** Brings the whole member list from the server, once per session and room. */
  const loadAll = async (roomId: string): Promise<boolean> => {
    const { runtime } = session;
    const room = roomOf(roomId);
    if (runtime === undefined || room.value.full) return true;
    const answer = await fetchMembers(runtime.api, roomId);
    if (!answer.ok) return false;
    const events = parseEvents(answer.value, parseRoomEvent, limits.members);
    const tx = runtime.db.transaction('state', 'readwrite');
    for (const event of events) {
      put(room.value, event);
      void tx.store.put({ r: roomId, t: event.type, k: event.state_key ?? '', ev: event });
    }
    await tx.done;
    room.value.full = true;
    triggerRef(room);
    return true;
  };

  watch(
    () => session.runtime,
    (runtime, _old, onCleanup) => {
      rooms.clear();
      if (runtime === undefined) return;
      onCleanup(
        runtime.onSync.on((changes) => {
          for (const change of changes.rooms) {
            const room = rooms.get(change.room.roomId);
            if (room === undefined) continue;
            let changed = false;
            for (const event of change.state) changed = put(room.value, event) || changed;
            if (changed) triggerRef(room);
          }
        }),
      );
    },
    { immediate: true },
  );

  /** The name to show for a person in a room; never empty, and never another member's. */
  const nameIn = (roomId: string, userId: string): string => {
    const resolved = cleanName(resolveProfile(userId)?.name);
    if (resolved !== '') return resolved;
    const room = roomOf(roomId).value;
    const name = room.members.get(userId)?.name ?? '';
    if (name === '') return localpartOf(userId);
    return (room.names.get(name) ?? 0) > 1 ? `${name} (${userId})` : name;
  };

  const member = (roomId: string, userId: string): Member | undefined =>
    roomOf(roomId).value.members.get(userId);

  const list = (roomId: string, membership: Membership): Member[] =>
    [...roomOf(roomId).value.members.values()]
      .filter((one) => one.membership === membership)
      .sort((a, b) => (a.name || a.userId).localeCompare(b.name || b.userId));

  return { load, loadAll, nameIn, member, list };
});
