import { parseEvents, parseRoomEvent } from '../events.ts';
import { limits } from '../limits.ts';
import { ok } from '../api/result.ts';
import type { Result } from '../api/result.ts';
import { messages } from '../api/rooms.ts';
import type { MessagesPage } from '../api/rooms.ts';
import type { Api } from '../api/http.ts';
import { allStores } from '../store/db.ts';
import type { NyxDb, Segment, StoredEvent, WriteTx } from '../store/db.ts';
import { storedEvent, writeRedaction } from '../store/room-writer.ts';
import type { RoomEvent } from '../types.ts';
import type { Page, TimelineSource } from './source.ts';

type Cursor = { s: number; i: number };

const range = (roomId: string, segment: number, from: number, to: number): IDBKeyRange =>
  IDBKeyRange.bound([roomId, segment, from], [roomId, segment, to]);

/** Rows of one segment walking away from `start`, at most `count`; `dir` 'prev' goes to older ones. */
const walk = async (
  db: NyxDb,
  keys: IDBKeyRange,
  dir: 'next' | 'prev',
  count: number,
): Promise<StoredEvent[]> => {
  const rows: StoredEvent[] = [];
  let cursor = await db.transaction('events').store.openCursor(keys, dir);
  while (cursor !== null && rows.length < count) {
    rows.push(cursor.value);
    cursor = await cursor.continue();
  }
  return rows;
};

/**
 * Writes a page of older events in front of a segment. Meeting an event of an earlier segment joins the two: from
 * there on the store has everything.
 */
export const storeOlderPage = async (
  db: NyxDb,
  roomId: string,
  segmentNo: number,
  page: MessagesPage,
): Promise<void> => {
  const tx: WriteTx = db.transaction(allStores, 'readwrite');
  const segments = tx.objectStore('segments');
  const events = tx.objectStore('events');
  const segment: Segment = (await segments.get([roomId, segmentNo])) ?? {
    r: roomId,
    s: segmentNo,
    prev: { kind: 'unknown' },
    first: 0,
  };
  let first = segment.first;
  let joined = false;
  for (const event of parseEvents(page.chunk, parseRoomEvent, 1_000)) {
    const known = await events.index('byId').get([roomId, event.event_id]);
    if (known !== undefined && known.s < segmentNo) {
      joined = true;
      break;
    }
    if (known !== undefined) continue;
    first -= 1;
    await events.put(storedEvent(roomId, segmentNo, first, event));
    await writeRedaction(tx, roomId, event);
  }
  for (const event of parseEvents(page.state, parseRoomEvent, limits.members)) {
    if (event.state_key === undefined) continue;
    const key: [string, string, string] = [roomId, event.type, event.state_key];
    if ((await tx.objectStore('state').getKey(key)) === undefined) {
      await tx.objectStore('state').put({ r: roomId, t: event.type, k: event.state_key, ev: event });
    }
  }
  const prev: Segment['prev'] = joined
    ? { kind: 'joined' }
    : page.end === undefined || page.end === page.start
      ? { kind: 'start' }
      : { kind: 'token', token: page.end };
  await segments.put({ ...segment, first, prev });
  await tx.done;
};

/** The local store, topped up from the server where it ends. Opens without network when anything is stored. */
export class StoredSource implements TimelineSource {
  readonly #db: NyxDb;
  readonly #api: Api;
  readonly #roomId: string;
  readonly #at: string | undefined;
  #oldest: Cursor = { s: 0, i: 0 };
  #newest: Cursor = { s: 0, i: -1 };

  /** `at`: open around this stored event instead of the newest one. */
  constructor(db: NyxDb, api: Api, roomId: string, at?: string) {
    this.#db = db;
    this.#api = api;
    this.#roomId = roomId;
    this.#at = at;
  }

  async open(count: number): Promise<Result<Page & { live: boolean; atStart: boolean }>> {
    const room = await this.#db.get('rooms', this.#roomId);
    const middle = this.#at === undefined ? undefined : await this.#row(this.#at);
    const start: Cursor =
      middle === undefined
        ? { s: room?.segment ?? 0, i: room?.nextIndex ?? 0 }
        : { s: middle.s, i: middle.i };
    this.#oldest = start;
    this.#newest = { s: start.s, i: start.i - 1 };
    const older = await this.#fromStore(count);
    let events = older;
    let live = middle === undefined;
    if (middle !== undefined) {
      const newer = await this.newer(count);
      if (newer.ok) {
        events = [...older, ...newer.value.events];
        live = newer.value.end;
      }
    }
    if (events.length >= Math.min(count, 20)) return ok({ events, end: false, live, atStart: false });
    // Too little stored: the first page from the server decides between an empty room and an error.
    const more = await this.older(count);
    if (!more.ok) return events.length > 0 ? ok({ events, end: false, live, atStart: false }) : more;
    return ok({
      events: [...more.value.events, ...events],
      end: more.value.end,
      live,
      atStart: more.value.end,
    });
  }

  async older(count: number): Promise<Result<Page>> {
    // Each round either answers, or moves one segment back or one server page on: bounded by rounds, not trust.
    for (let round = 0; round < 8; round += 1) {
      const stored = await this.#fromStore(count);
      if (stored.length > 0) return ok({ events: stored, end: false });
      const segment = await this.#db.get('segments', [this.#roomId, this.#oldest.s]);
      const prev = segment?.prev ?? { kind: 'unknown' };
      if (prev.kind === 'start') return ok({ events: [], end: true });
      if (prev.kind === 'joined') {
        this.#oldest = { s: this.#oldest.s - 1, i: Number.MAX_SAFE_INTEGER };
        continue;
      }
      const answer = await messages(this.#api, {
        roomId: this.#roomId,
        from: prev.kind === 'token' ? prev.token : undefined,
        dir: 'b',
        limit: count,
      });
      if (!answer.ok) return answer;
      await storeOlderPage(this.#db, this.#roomId, this.#oldest.s, answer.value);
    }
    return ok({ events: [], end: false });
  }

  async newer(count: number): Promise<Result<Page>> {
    const room = await this.#db.get('rooms', this.#roomId);
    const last = room?.segment ?? 0;
    for (let round = 0; round < 8; round += 1) {
      const keys = range(this.#roomId, this.#newest.s, this.#newest.i + 1, Number.MAX_SAFE_INTEGER);
      const rows = await walk(this.#db, keys, 'next', count);
      const tail = rows.at(-1);
      if (tail !== undefined) {
        this.#newest = { s: tail.s, i: tail.i };
        const end = tail.s === last && tail.i + 1 >= (room?.nextIndex ?? 0);
        return ok({ events: rows.map((row) => row.ev), end });
      }
      if (this.#newest.s >= last) return ok({ events: [], end: true });
      const next = await this.#db.get('segments', [this.#roomId, this.#newest.s + 1]);
      if (next?.prev.kind === 'token') {
        // A hole between the two segments: fill the later one backwards until they meet.
        const filler = new StoredSource(this.#db, this.#api, this.#roomId);
        filler.#oldest = { s: next.s, i: next.first };
        const answer = await filler.older(limits.page);
        if (!answer.ok) return answer;
        continue;
      }
      this.#newest = { s: this.#newest.s + 1, i: Number.MIN_SAFE_INTEGER };
    }
    return ok({ events: [], end: true });
  }

  async rewind(edge: 'oldest' | 'newest', eventId: string): Promise<boolean> {
    const row = await this.#row(eventId);
    if (row === undefined) return false;
    if (edge === 'oldest') this.#oldest = { s: row.s, i: row.i };
    else this.#newest = { s: row.s, i: row.i };
    return true;
  }

  async related(eventIds: readonly string[]): Promise<RoomEvent[]> {
    const index = this.#db.transaction('events').store.index('byRelation');
    const found = await Promise.all(eventIds.map((id) => index.getAll([this.#roomId, id], limits.relations)));
    return found.flat().map((row) => row.ev);
  }

  #row(eventId: string): Promise<StoredEvent | undefined> {
    return this.#db.getFromIndex('events', 'byId', [this.#roomId, eventId]);
  }

  async #fromStore(count: number): Promise<RoomEvent[]> {
    const keys = range(this.#roomId, this.#oldest.s, Number.MIN_SAFE_INTEGER, this.#oldest.i - 1);
    const rows = await walk(this.#db, keys, 'prev', count);
    const oldest = rows.at(-1);
    if (oldest !== undefined) this.#oldest = { s: oldest.s, i: oldest.i };
    return rows.reverse().map((row) => row.ev);
  }
}
