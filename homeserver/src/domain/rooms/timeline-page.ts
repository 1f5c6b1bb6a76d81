import type { Membership } from '@nyx/federation/spec/event-types.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import { relationOf, type StoredEvent } from '../events/stored-event.ts';
import type { Viewer } from '../events/visibility.ts';
import { eventPasses, type EventFilter } from './event-filter.ts';
import type { IgnoredUsers } from '../../ports/ignored-users.ts';
import type { RoomViewers } from './room-viewers.ts';

export type TimelineRequest = {
  readonly room: RoomId;
  readonly viewer: Viewer;
  readonly direction: 'forward' | 'backward';
  readonly from: number | undefined;
  readonly to: number | undefined;
  readonly limit: number;
  readonly filter: EventFilter;
};

export type TimelinePage = {
  readonly events: readonly { readonly event: StoredEvent; readonly membership: Membership }[];
  /** Position to go on from; undefined at the end of what there is. */
  readonly next: number | undefined;
  /** Lowest position below which history has to be fetched from other servers, if the page ran into it. */
  readonly gapAt: number | undefined;
};

/** Most events looked at for one page: a filter that lets nothing through must not read a whole room at once. */
const MAX_SCANNED = 2_000;

/** Reads timelines: what a viewer may see and a filter lets through. */
export class TimelinePages {
  readonly #viewers: RoomViewers;
  readonly #ignored: IgnoredUsers;

  constructor(viewers: RoomViewers, ignored: IgnoredUsers) {
    this.#viewers = viewers;
    this.#ignored = ignored;
  }

  async read(request: TimelineRequest): Promise<TimelinePage> {
    const { room, viewer, direction, to, limit, filter } = request;
    const { engine } = this.#viewers.rooms;
    const ignored = await this.#ignored.ignoredBy(viewer.user);
    const page: { event: StoredEvent; membership: Membership }[] = [];
    let from = request.from;
    let scanned = 0;
    let gapAt: number | undefined;
    for (;;) {
      const size = Math.min(Math.max(limit - page.length + 1, MIN_SCAN), MAX_SCANNED);
      const read = await engine.events.page({ room, direction, from, to, limit: size });
      const passing = read.filter((event) => eventPasses(filter, event) && !isIgnored(event, ignored));
      const related = await this.#related(passing, filter);
      const visible = await this.#viewers.visibility.filter(viewer, related);
      for (const each of visible) {
        if (page.length === limit) return { events: page, next: page.at(-1)?.event.pos, gapAt };
        page.push(each);
      }
      if (direction === 'backward') gapAt ??= read.find((event) => event.gapBefore)?.pos;
      scanned += read.length;
      const last = read.at(-1);
      if (last?.pos === undefined || read.length < size) return { events: page, next: undefined, gapAt };
      from = last.pos;
      if (page.length === limit || scanned >= MAX_SCANNED) return { events: page, next: from, gapAt };
    }
  }

  /** The conditions on what relates to an event (spec: RoomEventFilter, related_by_rel_types, related_by_senders). */
  async #related(events: readonly StoredEvent[], filter: EventFilter): Promise<readonly StoredEvent[]> {
    const { relatedByRelTypes, relatedBySenders } = filter;
    if (relatedByRelTypes === undefined && relatedBySenders === undefined) return events;
    const { relations } = this.#viewers.rooms.engine;
    const passing: StoredEvent[] = [];
    for (const event of events) {
      const related = await relations.relating({
        room: event.room,
        target: event.id,
        direction: 'backward',
        limit: MAX_RELATED,
      });
      const passes = related.some(
        ({ pdu }) =>
          (relatedBySenders === undefined || relatedBySenders.includes(pdu.sender)) &&
          (relatedByRelTypes === undefined || relatedByRelTypes.includes(relationOf(pdu)?.relType ?? '')),
      );
      if (passes) passing.push(event);
    }
    return passing;
  }
}

/** Fewest events read at a time: a read costs a round trip. */
const MIN_SCAN = 30;
/** Related events looked at for a related_by condition. */
const MAX_RELATED = 200;

/** Events of users whom the viewer ignores are left out; state is not, rooms would not make sense without. */
const isIgnored = (event: StoredEvent, ignored: ReadonlySet<string>): boolean =>
  event.pdu.stateKey === undefined && ignored.has(event.pdu.sender);
