import { onScopeDispose, shallowRef } from 'vue';
import { sendReceipt } from '../../matrix/api/rooms.ts';
import type { Receipt } from '../../matrix/store/db.ts';
import { usePreferences } from '../../stores/preferences.ts';
import { useRooms } from '../../stores/rooms.ts';
import { useRuntime } from '../../stores/session.ts';

/** Who has read up to where, and telling the server where we are. */
export const useReceipts = (roomId: string) => {
  const runtime = useRuntime();
  const rooms = useRooms();
  const preferences = usePreferences();
  const byUser = new Map<string, Receipt>();
  const byEvent = shallowRef<ReadonlyMap<string, readonly string[]>>(new Map());
  let sent: string | undefined;

  const rebuild = (): void => {
    const next = new Map<string, string[]>();
    for (const receipt of byUser.values()) {
      if (receipt.userId === runtime.session.userId) continue;
      const list = next.get(receipt.eventId);
      if (list === undefined) next.set(receipt.eventId, [receipt.userId]);
      else list.push(receipt.userId);
    }
    byEvent.value = next;
  };
  const put = (receipts: readonly Receipt[]): void => {
    for (const receipt of receipts) {
      const known = byUser.get(receipt.userId);
      if (known === undefined || receipt.ts >= known.ts) byUser.set(receipt.userId, receipt);
    }
    rebuild();
  };

  void runtime.db
    .getAll('receipts', IDBKeyRange.bound([roomId, ''], [roomId, '\uffff']))
    .then((stored) => put(stored.filter((one) => !byUser.has(one.userId))));
  onScopeDispose(
    runtime.onSync.on((changes) => {
      for (const change of changes.rooms) {
        if (change.room.roomId === roomId && change.receipts.length > 0) put(change.receipts);
      }
    }),
  );

  /** The person has seen everything up to this event. Shown at once; told to the server once per event. */
  const markRead = async (eventId: string): Promise<void> => {
    const room = rooms.rooms.get(roomId);
    if (sent === eventId || room?.membership !== 'join') return;
    if (room.readMarker === eventId && room.unread === 0 && room.highlight === 0) return;
    sent = eventId;
    rooms.patch(roomId, { unread: 0, highlight: 0, markedUnread: false });
    const answer = await sendReceipt(runtime.api, roomId, eventId, !preferences.sendReceipts);
    // Offline: the next look at the room tries again.
    if (!answer.ok) sent = undefined;
  };

  return { readers: (eventId: string): readonly string[] => byEvent.value.get(eventId) ?? [], markRead };
};
