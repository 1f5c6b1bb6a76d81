import type { SessionRuntime } from '../../runtime/session-runtime.ts';
import { sealedIndex } from '../../runtime/sealed-store.ts';
import { RoomIndex } from '../../matrix/search/room-index.ts';
import type { Hit } from '../../matrix/search/text-index.ts';

/** Indexes that stay in memory, newest last, for one session. */
const opened = new WeakMap<SessionRuntime, Map<string, Promise<RoomIndex>>>();
const maxOpened = 3;
const measured = 'nyx search';

const indexOf = (runtime: SessionRuntime, roomId: string): Promise<RoomIndex> => {
  const indexes = opened.get(runtime) ?? new Map<string, Promise<RoomIndex>>();
  opened.set(runtime, indexes);
  const { db, decryptor, engine } = runtime;
  const known = indexes.get(roomId);
  const index = known ?? RoomIndex.open({ db, decryptor, roomId, store: sealedIndex(engine) });
  indexes.delete(roomId);
  indexes.set(roomId, index);
  const [oldest] = indexes.keys();
  if (indexes.size > maxOpened && oldest !== undefined) indexes.delete(oldest);
  return index;
};

/**
 * Searches what this device holds of a room, newest first: first what the index knows, then what it has not read yet.
 * `report` hears of the hits so far, and how many messages they come from.
 */
export const searchRoom = async (
  runtime: SessionRuntime,
  roomId: string,
  text: string,
  signal: AbortSignal,
  report: (hits: Hit[], read: number) => void,
): Promise<void> => {
  const index = await indexOf(runtime, roomId);
  const tell = (): void => {
    if (signal.aborted) return;
    performance.mark(measured);
    const hits = index.search(text);
    // For the bench, and for whoever wonders why a search is slow.
    performance.measure(measured, { start: measured, detail: index.size });
    report(hits, index.size);
  };
  tell();
  await index.update(signal, tell);
};
