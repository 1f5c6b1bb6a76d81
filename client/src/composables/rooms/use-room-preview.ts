import { onScopeDispose, shallowRef, toValue, watch } from 'vue';
import type { MaybeRefOrGetter, Ref } from 'vue';
import { isRedacted, replyTarget } from '../../matrix/events.ts';
import type { RoomRecord } from '../../matrix/types.ts';
import { bodyOf } from '../../matrix/timeline/body.ts';
import type { Body } from '../../matrix/timeline/body.ts';
import { clearEntries } from '../../matrix/timeline/clear.ts';
import { useSession } from '../../stores/session.ts';

export type Preview = { sender: string; body: Body | undefined } | undefined;

/** What the room list says about a room's newest message; decrypted when the row is shown, kept nowhere. */
export const useRoomPreview = (room: MaybeRefOrGetter<RoomRecord>): Readonly<Ref<Preview>> => {
  const session = useSession();
  const preview = shallowRef<Preview>();
  const load = async (): Promise<void> => {
    const current = toValue(room);
    const event = current.lastEvent;
    const { runtime } = session;
    if (event === undefined || runtime === undefined) {
      preview.value = undefined;
      return;
    }
    if (isRedacted(event)) {
      preview.value = { sender: event.sender, body: { kind: 'redacted' } };
      return;
    }
    const [entry] = await clearEntries(runtime.decryptor, current.roomId, [event]);
    if (toValue(room).lastEvent !== event || entry === undefined) return;
    const { clear } = entry;
    preview.value = {
      sender: event.sender,
      body:
        clear.state === 'clear' || clear.state === 'decrypted'
          ? bodyOf(clear.type, clear.content, replyTarget(event.content) !== undefined)
          : undefined,
    };
  };
  watch(() => toValue(room).lastEvent, load, { immediate: true });
  const stop = session.runtime?.onNotice.on((notice) => {
    if (notice.kind === 'keysArrived' && notice.roomId === toValue(room).roomId) void load();
  });
  onScopeDispose(() => stop?.());
  return preview;
};
