import type { Membership } from '@nyx/federation/spec/event-types.ts';
import type { LiveRoom } from '../events/room-heads.ts';
import type { StoredEvent } from '../events/stored-event.ts';
import type { Viewer } from '../events/visibility.ts';
import type { TimelinePages } from '../rooms/timeline-page.ts';
import type { SyncWindow } from './sync-window.ts';

/** Events a timeline has when the client does not say. */
const DEFAULT_LIMIT = 10;
const MAX_LIMIT = 200;

/** The newest part of a room's timeline within a sync's window. */
export type TimelineSlice = {
  /** Oldest first. */
  readonly events: readonly { readonly event: StoredEvent; readonly membership: Membership }[];
  /** Whether older events of the window were left out. */
  readonly limited: boolean;
  /** Room position before the oldest event: what `prev_batch` stands for. */
  readonly before: number;
  /** Room positions of the window: everything above `from` and not above `to`. */
  readonly from: number;
  readonly to: number;
};

/** Cuts timelines for syncs. */
export class TimelineSlices {
  readonly #pages: TimelinePages;

  constructor(pages: TimelinePages) {
    this.#pages = pages;
  }

  /**
   * @param from room position that the client knows; 0 for all.
   * @param to newest room position to be shown.
   */
  async slice(
    live: LiveRoom,
    viewer: Viewer,
    window: SyncWindow,
    from: number,
    to: number,
  ): Promise<TimelineSlice> {
    const { timeline } = window.filter;
    const limit = Math.min(timeline.limit ?? DEFAULT_LIMIT, MAX_LIMIT);
    if (limit === 0 || to <= from) {
      return { events: [], limited: limit === 0 && to > from, before: to + 1, from, to };
    }
    const newest = Math.min(to, viewer.joinedUntil);
    const page = await this.#pages.read({
      room: live.head.room,
      viewer,
      direction: 'backward',
      from: newest + 1,
      to: from > 0 ? from : undefined,
      limit,
      filter: timeline,
    });
    const all = page.events.toReversed();
    // Where history is missing the timeline has a hole, and a client must not think it whole.
    const hole = all.findLastIndex(({ event }) => event.gapBefore);
    const events = hole > 0 ? all.slice(hole) : all;
    const limited = page.next !== undefined || hole >= 0;
    return { events, limited, before: events[0]?.event.pos ?? to + 1, from, to };
  }
}
