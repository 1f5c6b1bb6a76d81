import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { MembershipRow } from '../../ports/event-store.ts';
import type { EventCache } from '../events/event-cache.ts';
import type { EventEngine } from '../events/event-engine.ts';
import type { SyncWindow } from './sync-window.ts';

/** Room positions that a sync covers: above `from`, up to `to`. */
export type RoomPlaces = { readonly from: number; readonly to: number };

/** Finds out in which rooms something happened within a sync's window, and where. */
export class ChangedRooms {
  readonly #engine: EventEngine;

  constructor(engine: EventEngine) {
    this.#engine = engine;
  }

  get events(): EventCache {
    return this.#engine.events;
  }

  /** The rooms among `rows` with events in the window. */
  async places(window: SyncWindow, rows: readonly MembershipRow[]): Promise<ReadonlyMap<RoomId, RoomPlaces>> {
    const { since, upTo } = window;
    const recent = since === undefined ? undefined : this.#engine.feed.between(since, upTo);
    if (recent !== undefined) {
      const places = new Map<RoomId, { from: number; to: number }>();
      for (const { room, pos } of recent) {
        if (pos === undefined) continue;
        const place = places.get(room);
        if (place === undefined) places.set(room, { from: pos - 1, to: pos });
        else {
          place.from = Math.min(place.from, pos - 1);
          place.to = Math.max(place.to, pos);
        }
      }
      return places;
    }
    const places = new Map<RoomId, RoomPlaces>();
    await Promise.all(
      rows.map(async (row) => {
        // Rooms that were left need looking into only if that is news.
        if (row.membership === 'invite' || row.membership === 'knock') return;
        if (row.membership !== 'join' && since !== undefined && row.stream <= since) return;
        const place = await this.#place(row.room, since, upTo);
        if (place !== undefined) places.set(row.room, place);
      }),
    );
    return places;
  }

  /** The end of a room in which nothing happened. */
  async end(room: RoomId): Promise<RoomPlaces> {
    const live = await this.#engine.heads.get(room);
    const pos = live?.head.pos ?? 0;
    return { from: pos, to: pos };
  }

  async #place(room: RoomId, since: number | undefined, upTo: number): Promise<RoomPlaces | undefined> {
    const live = await this.#engine.heads.get(room);
    if (live === undefined || live.head.stream <= (since ?? -1)) return undefined;
    const { reader } = this.#engine;
    const to = live.head.stream <= upTo ? live.head.pos : await reader.positionAt(room, upTo);
    const from = since === undefined ? 0 : await reader.positionAt(room, since);
    return to > from ? { from, to } : undefined;
  }
}
