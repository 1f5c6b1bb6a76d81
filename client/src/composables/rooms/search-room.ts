import type { SessionRuntime } from '../../runtime/session-runtime.ts';
import { isRedacted, replyTarget } from '../../matrix/events.ts';
import { bodyOf } from '../../matrix/timeline/body.ts';
import { clearEntries } from '../../matrix/timeline/clear.ts';
import type { RoomEvent } from '../../matrix/types.ts';

export type Hit = {
  eventId: string;
  sender: string;
  ts: number;
  before: string;
  match: string;
  after: string;
};

const maxHits = 200;
const batchSize = 400;
const around = 60;

/** Lower case without accents, so that "cafe" finds "Café". */
const fold = (text: string): string => text.normalize('NFD').replace(/\p{M}/gu, '').toLocaleLowerCase();

const hitIn = (event: RoomEvent, text: string, needle: string): Hit | undefined => {
  const at = fold(text).indexOf(needle);
  if (at === -1) return undefined;
  // Positions in the folded text fit the original but for a few letters of other length: the mark may be off by one.
  const end = at + needle.length;
  return {
    eventId: event.event_id,
    sender: event.sender,
    ts: event.origin_server_ts,
    before: (at > around ? '…' : '') + text.slice(Math.max(0, at - around), at),
    match: text.slice(at, end),
    after: text.slice(end, end + around),
  };
};

/**
 * Searches what this device holds of a room, newest first. Messages are decrypted as they are read and kept only in
 * memory: no index of clear text lies on disk. `report` hears of every batch.
 */
export const searchRoom = async (
  runtime: SessionRuntime,
  roomId: string,
  text: string,
  signal: AbortSignal,
  report: (hits: Hit[], read: number) => void,
): Promise<void> => {
  const needle = fold(text);
  const hits: Hit[] = [];
  let read = 0;
  let upper: [string, number, number] = [roomId, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER];
  while (!signal.aborted && hits.length < maxHits) {
    const events: RoomEvent[] = [];
    const range = IDBKeyRange.bound([roomId, -1, Number.MIN_SAFE_INTEGER], upper, false, read > 0);
    let cursor = await runtime.db.transaction('events').store.openCursor(range, 'prev');
    while (cursor !== null && events.length < batchSize) {
      const { ev } = cursor.value;
      upper = cursor.key;
      read += 1;
      if (ev.state_key === undefined && !isRedacted(ev)) events.push(ev);
      cursor = await cursor.continue();
    }
    for (const { event, clear } of await clearEntries(runtime.decryptor, roomId, events)) {
      if (clear.state !== 'clear' && clear.state !== 'decrypted') continue;
      const body = bodyOf(clear.type, clear.content, replyTarget(event.content) !== undefined);
      const words = 'text' in body ? body.text : 'name' in body ? `${body.name} ${body.caption}` : '';
      const hit = clear.type === 'm.room.message' ? hitIn(event, words, needle) : undefined;
      if (hit !== undefined) hits.push(hit);
    }
    report([...hits], read);
    if (cursor === null) break;
  }
};
