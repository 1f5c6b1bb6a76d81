import { computed, onScopeDispose, shallowRef, toValue, watch } from 'vue';
import type { MaybeRefOrGetter } from 'vue';
import type { BareEvent, RoomEvent } from '../../matrix/types.ts';
import { useRuntime } from '../../stores/session.ts';
import { powersOf } from './powers.ts';

const watched = [
  'm.room.power_levels',
  'm.room.create',
  'm.room.join_rules',
  'm.room.history_visibility',
  'm.room.tombstone',
];

/** The room's state that decides what a person may do, following the live timeline. */
export const useRoomState = (roomId: MaybeRefOrGetter<string>) => {
  const runtime = useRuntime();
  const state = shallowRef<ReadonlyMap<string, RoomEvent | BareEvent>>(new Map());
  const load = async (): Promise<void> => {
    const id = toValue(roomId);
    const rows = await Promise.all(watched.map((type) => runtime.db.get('state', [id, type, ''])));
    if (toValue(roomId) !== id) return;
    state.value = new Map(rows.flatMap((row) => (row === undefined ? [] : [[row.t, row.ev] as const])));
  };
  watch(() => toValue(roomId), load, { immediate: true });
  onScopeDispose(
    runtime.onSync.on((changes) => {
      const mine = changes.rooms.find((change) => change.room.roomId === toValue(roomId));
      if (mine?.state.some((event) => watched.includes(event.type)) === true) void load();
    }),
  );
  const powers = computed(() => {
    const create = state.value.get('m.room.create');
    return powersOf(
      state.value.get('m.room.power_levels')?.content,
      create?.sender === undefined ? undefined : { sender: create.sender, content: create.content },
    );
  });
  return { state, powers, reload: load };
};
