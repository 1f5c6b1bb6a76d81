import { computed, onScopeDispose, shallowRef, triggerRef } from 'vue';
import type { ComputedRef, ShallowRef } from 'vue';
import { dayKey } from '../format/use-format.ts';
import { ContextSource } from '../../matrix/timeline/context-source.ts';
import { StoredSource } from '../../matrix/timeline/stored-source.ts';
import { TimelineWindow } from '../../matrix/timeline/window.ts';
import { buildItems, reuseItems } from '../../matrix/timeline/items.ts';
import type { Echo, TimelineItem } from '../../matrix/timeline/items.ts';
import type { OutboxChange } from '../../matrix/send-queue/queue.ts';
import { stringOf } from '../../matrix/events.ts';
import { useRooms } from '../../stores/rooms.ts';
import { useRuntime } from '../../stores/session.ts';

export type RoomTimeline = {
  readonly window: ShallowRef<TimelineWindow>;
  readonly items: ComputedRef<TimelineItem[]>;
  /** Start over around an event, or at the live end. */
  open: (eventId?: string) => Promise<void>;
};

/**
 * A room's rows: the window over the stored timeline, local echoes, and what sync and the crypto engine bring.
 * `thread` shows one thread alone.
 */
export const useRoomTimeline = (roomId: string, thread?: string): RoomTimeline => {
  const runtime = useRuntime();
  const rooms = useRooms();
  const ownUserId = runtime.session.userId;
  const echoes = shallowRef<readonly Echo[]>([]);
  /** Event id -> transaction id of what was sent from here: keeps keys when echoes become events. */
  const txns = new Map<string, string>();
  const readMarker = rooms.rooms.get(roomId)?.readMarker;
  let previous = new Map<string, TimelineItem>();

  const makeWindow = (source: ConstructorParameters<typeof TimelineWindow>[0]['source']): TimelineWindow =>
    new TimelineWindow({
      roomId,
      ownUserId,
      source,
      decryptor: runtime.decryptor,
      onChange: () => triggerRef(window),
    });
  const window = shallowRef(makeWindow(new StoredSource(runtime.db, runtime.api, roomId)));

  /** The window that will be shown once it is open: it must not miss what comes meanwhile. */
  let opening: TimelineWindow | undefined;
  const windows = (): TimelineWindow[] => (opening === undefined ? [window.value] : [window.value, opening]);

  const txnOf = (eventId: string): string | undefined => txns.get(eventId);

  const items = computed(() => {
    const current = window.value;
    const next = buildItems({
      entries: current.entries,
      relations: current.relations,
      echoes: current.live ? echoes.value : [],
      ownUserId,
      unreadAfter: readMarker,
      thread,
      dayOf: dayKey,
      ignored: rooms.ignored,
      txnOf,
      atStart: current.atStart,
      older: current.older.kind,
      newer: current.newer.kind,
    });
    const reused = reuseItems(previous, next);
    previous = new Map(reused.map((item) => [item.key, item]));
    return reused;
  });

  const open = async (eventId?: string): Promise<void> => {
    let source: ConstructorParameters<typeof TimelineWindow>[0]['source'] = new StoredSource(
      runtime.db,
      runtime.api,
      roomId,
    );
    if (eventId !== undefined) {
      const stored = await runtime.db.getKeyFromIndex('events', 'byId', [roomId, eventId]);
      source =
        stored === undefined
          ? new ContextSource(runtime.api, roomId, eventId)
          : new StoredSource(runtime.db, runtime.api, roomId, eventId);
    }
    const next = makeWindow(source);
    opening = next;
    await next.open();
    // Another one was asked for meanwhile: that one is shown.
    if (opening !== next) return;
    opening = undefined;
    window.value = next;
  };

  const setEcho = (txnId: string, echo: Echo | undefined): void => {
    const others = echoes.value.filter((one) => one.entry.txnId !== txnId);
    const index = echoes.value.findIndex((one) => one.entry.txnId === txnId);
    if (echo === undefined) echoes.value = others;
    else if (index === -1) echoes.value = [...others, echo];
    else echoes.value = echoes.value.map((one, at) => (at === index ? echo : one));
  };

  const onOutbox = (change: OutboxChange): void => {
    const { entry } = change;
    if (entry.roomId !== roomId) return;
    const keep = (state: Echo['state'], eventId?: string): void =>
      setEcho(entry.txnId, { entry, state, eventId });
    switch (change.kind) {
      case 'added':
      case 'waiting':
        keep('queued');
        break;
      case 'sending':
        keep('sending');
        break;
      case 'failed':
        keep('failed');
        break;
      case 'sent':
        txns.set(change.eventId, entry.txnId);
        keep('sent', change.eventId);
        break;
      case 'removed':
        setEcho(entry.txnId, undefined);
        break;
    }
  };

  const stops = [
    runtime.onOutbox.on(onOutbox),
    runtime.onSync.on((changes) => {
      for (const change of changes.rooms) {
        if (change.room.roomId !== roomId) continue;
        // Our own events name their transaction: the echo's row goes on as the event's row.
        for (const event of change.appended) {
          const txnId = stringOf(event.unsigned?.transaction_id);
          if (txnId !== undefined && event.sender === ownUserId) txns.set(event.event_id, txnId);
        }
        if (change.gap && window.value.live) {
          void open();
          continue;
        }
        void Promise.all(windows().map((one) => one.append(change.appended))).then(() => {
          const arrived = new Set(change.appended.map((event) => event.event_id));
          echoes.value = echoes.value.filter(
            (echo) => echo.eventId === undefined || !arrived.has(echo.eventId),
          );
        });
      }
    }),
    runtime.onNotice.on((notice) => {
      for (const one of windows()) {
        if (notice.kind === 'keysArrived' && notice.roomId === roomId) void one.retry(notice.eventIds);
        else if (notice.kind === 'eventState' && notice.roomId === roomId) void one.retry([notice.eventId]);
        else if (notice.kind === 'status' && notice.status.vault === 'open') void one.retry();
      }
    }),
  ];
  onScopeDispose(() => {
    for (const stop of stops) stop();
  });

  void runtime.queue.pending(roomId).then((pending) => {
    const known = new Set(echoes.value.map((echo) => echo.entry.txnId));
    const fresh = pending
      .filter((entry) => !known.has(entry.txnId))
      .map((entry): Echo => ({
        entry,
        state: entry.state === 'failed' ? 'failed' : 'queued',
        eventId: undefined,
      }));
    echoes.value = [...fresh, ...echoes.value];
  });

  return { window, items, open };
};
