import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import { LRUCache } from 'lru-cache';
import type { EventCache } from '../events/event-cache.ts';
import type { StoredEvent } from '../events/stored-event.ts';

/** What counts as activity that people care about (MSC4186, bump_stamp). */
const BUMP_TYPES: ReadonlySet<string> = new Set([
  'm.room.create',
  'm.room.message',
  'm.room.encrypted',
  'm.sticker',
  'm.call.invite',
  'm.poll.start',
  'm.beacon_info',
]);

const MAX_ROOMS = 20_000;
/** Events looked through for one that counts. */
const PAGE = 50;

/** When something that counts last happened in rooms, as stream positions. */
export class BumpStamps {
  readonly #events: EventCache;
  /** The newest known, and up to which room position was looked. */
  readonly #known = new LRUCache<RoomId, { stamp: number | undefined; pos: number }>({ max: MAX_ROOMS });

  constructor(events: EventCache) {
    this.#events = events;
  }

  /** The stamp at a room position; undefined when nothing that counts is near. */
  async at(room: RoomId, pos: number): Promise<number | undefined> {
    const known = this.#known.get(room);
    if (known?.pos === pos) return known.stamp;
    const page = await this.#events.page({ room, direction: 'backward', from: pos + 1, limit: PAGE });
    const found = newestBump(page)?.stream;
    // What was found earlier still holds where everything since was looked through.
    const oldest = page.at(-1)?.pos ?? 0;
    const earlier =
      known !== undefined && known.pos <= pos && oldest <= known.pos + 1 ? known.stamp : undefined;
    const stamp = found ?? earlier;
    if (known === undefined || pos > known.pos) this.#known.set(room, { stamp, pos });
    return stamp;
  }
}

/** Of events from the newest to the oldest. */
const newestBump = (events: readonly StoredEvent[]): StoredEvent | undefined =>
  events.find(({ pdu }) => BUMP_TYPES.has(pdu.type));
