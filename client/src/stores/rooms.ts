import { defineStore } from 'pinia';
import { computed, markRaw, ref, shallowRef, watch } from 'vue';
import { localpartOf } from '../matrix/types.ts';
import type { RoomRecord } from '../matrix/types.ts';
import type { SyncChanges } from '../matrix/sync/apply.ts';
import { useSession } from './session.ts';
import { recordOf } from '../matrix/events.ts';

export type RoomFilter = 'all' | 'unread' | 'people' | 'rooms' | 'favourites';

export type Presence = { presence: string; lastActiveTs: number | undefined };

const favourite = 'm.favourite';

/** Rooms by id, as stored; every list of them is computed. */
export const useRooms = defineStore('rooms', () => {
  const session = useSession();
  const rooms = shallowRef<ReadonlyMap<string, RoomRecord>>(new Map());
  const typing = shallowRef<ReadonlyMap<string, readonly string[]>>(new Map());
  const presence = shallowRef<ReadonlyMap<string, Presence>>(new Map());
  const ignored = shallowRef<ReadonlySet<string>>(new Set());
  const filter = ref<RoomFilter>('all');
  const query = ref('');
  /** The space whose rooms alone are listed. */
  const space = ref<string>();
  const children = shallowRef<ReadonlyMap<string, ReadonlySet<string>>>(new Map());
  const loaded = ref(false);
  const selected = ref<string>();

  const take = (changes: SyncChanges): void => {
    const next = new Map(rooms.value);
    const nextTyping = new Map(typing.value);
    for (const change of changes.rooms) {
      next.set(change.room.roomId, markRaw(change.room));
      if (change.typing !== undefined) nextTyping.set(change.room.roomId, change.typing);
    }
    for (const roomId of changes.removed) next.delete(roomId);
    rooms.value = next;
    typing.value = nextTyping;
    if (changes.presence.length > 0) {
      const nextPresence = new Map(presence.value);
      for (const one of changes.presence) nextPresence.set(one.userId, one);
      presence.value = nextPresence;
    }
    const ignoredList = changes.accountData.find((event) => event.type === 'm.ignored_user_list');
    if (ignoredList !== undefined) {
      ignored.value = new Set(Object.keys(recordOf(ignoredList.content.ignored_users) ?? {}));
    }
    loaded.value = true;
    const shaped = changes.rooms.some((one) => one.state.some((event) => event.type === 'm.space.child'));
    if (shaped) void readSpaces();
  };

  watch(
    () => session.runtime,
    async (runtime, _old, onCleanup) => {
      rooms.value = new Map();
      loaded.value = false;
      selected.value = undefined;
      if (runtime === undefined) return;
      onCleanup(runtime.onSync.on(take));
      const stored = await runtime.db.getAll('rooms');
      const ignoredList = await runtime.db.get('accountData', ['', 'm.ignored_user_list']);
      if (ignoredList !== undefined) {
        ignored.value = new Set(Object.keys(recordOf(ignoredList.content.ignored_users) ?? {}));
      }
      // A sync may have been faster than the read: what it brought is newer.
      const merged = new Map(stored.map((room) => [room.roomId, markRaw(room)]));
      for (const [roomId, room] of rooms.value) merged.set(roomId, room);
      rooms.value = merged;
      if (stored.length > 0) loaded.value = true;
    },
    { immediate: true },
  );

  /** A change made here that the next sync will confirm. */
  const patch = (roomId: string, change: Partial<RoomRecord>): void => {
    const room = rooms.value.get(roomId);
    if (room === undefined) return;
    rooms.value = new Map(rooms.value).set(roomId, markRaw({ ...room, ...change }));
  };

  const nameOf = (room: RoomRecord): string => {
    if (room.name !== '') return room.name;
    const people = room.heroes.map((hero) => (hero.name === '' ? localpartOf(hero.userId) : hero.name));
    if (people.length > 0) return people.slice(0, 3).join(', ');
    if (room.alias !== '') return room.alias;
    return '';
  };

  const avatarOf = (room: RoomRecord): string | undefined =>
    room.avatar ?? (room.directUser === undefined ? undefined : room.heroes[0]?.avatar);

  const invites = computed(() =>
    [...rooms.value.values()]
      .filter((room) => room.membership === 'invite' && !ignored.value.has(room.inviter ?? ''))
      .sort((a, b) => b.lastTs - a.lastTs),
  );

  const isUnread = (room: RoomRecord): boolean => room.unread > 0 || room.highlight > 0 || room.markedUnread;

  const joined = computed(() =>
    [...rooms.value.values()].filter((room) => room.membership === 'join' && room.roomType !== 'm.space'),
  );

  const spaces = computed(() =>
    [...rooms.value.values()].filter((room) => room.membership === 'join' && room.roomType === 'm.space'),
  );

  const matches = (room: RoomRecord): boolean => {
    switch (filter.value) {
      case 'unread':
        return isUnread(room);
      case 'people':
        return room.directUser !== undefined;
      case 'rooms':
        return room.directUser === undefined;
      case 'favourites':
        return favourite in room.tags;
      default:
        return true;
    }
  };

  /** Rooms of each joined space, by what its state says (`via` makes a child one). */
  const readSpaces = async (): Promise<void> => {
    const { runtime } = session;
    if (runtime === undefined) return;
    const read = await Promise.all(
      spaces.value.map(async ({ roomId }) => {
        const rows = await runtime.db.getAllFromIndex('state', 'byType', [roomId, 'm.space.child']);
        return [roomId, new Set(rows.filter((row) => 'via' in row.ev.content).map((row) => row.k))] as const;
      }),
    );
    children.value = new Map(read);
    if (space.value !== undefined && !children.value.has(space.value)) space.value = undefined;
  };
  watch(() => spaces.value.map((one) => one.roomId).join(), readSpaces, { immediate: true });
  const inSpace = (room: RoomRecord): boolean =>
    space.value === undefined || children.value.get(space.value)?.has(room.roomId) === true;

  const listed = computed(() => {
    const text = query.value.trim().toLocaleLowerCase();
    return joined.value
      .filter(
        (room) =>
          inSpace(room) && matches(room) && (text === '' || nameOf(room).toLocaleLowerCase().includes(text)),
      )
      .sort((a, b) => {
        const favA = favourite in a.tags ? 1 : 0;
        const favB = favourite in b.tags ? 1 : 0;
        return favB - favA || b.lastTs - a.lastTs || a.roomId.localeCompare(b.roomId);
      });
  });

  const unreadTotal = computed(() => joined.value.reduce((sum, room) => sum + (isUnread(room) ? 1 : 0), 0));
  const mentionTotal = computed(
    () => joined.value.reduce((sum, room) => sum + room.highlight, 0) + invites.value.length,
  );

  return {
    rooms,
    typing,
    presence,
    ignored,
    filter,
    query,
    loaded,
    selected,
    invites,
    joined,
    spaces,
    space,
    listed,
    unreadTotal,
    mentionTotal,
    isUnread,
    nameOf,
    avatarOf,
    patch,
  };
});
