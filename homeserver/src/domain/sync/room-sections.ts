import type { JsonObject } from '@nyx/federation/json/value.ts';
import { EventType } from '@nyx/federation/spec/event-types.ts';
import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { UnreadSource } from '../../ports/sync-sources.ts';
import type { EventCache } from '../events/event-cache.ts';
import type { PresentEvents } from '../events/present-events.ts';
import { membershipOf, type StoredEvent } from '../events/stored-event.ts';
import type { Visibility } from '../events/visibility.ts';
import { eventPasses } from '../rooms/event-filter.ts';
import { wholeRoom } from '../events/whole-room.ts';
import type { RoomReads } from '../rooms/room-reads.ts';
import { placeToken } from '../rooms/tokens.ts';
import type { StateSections } from './state-section.ts';
import { roomSummary } from './summary-section.ts';
import type { RoomSection } from './sync-response.ts';
import type { SyncWindow } from './sync-window.ts';
import type { TimelineSlice, TimelineSlices } from './timeline-section.ts';

/** What is new about one room, apart from its events. */
export type RoomNews = {
  readonly room: RoomId;
  /** The client has nothing of the room yet: it was joined since, or everything is wanted. */
  readonly fresh: boolean;
  /** Fresh, but the client may have the room's timeline from an earlier stay: this one does not follow on from that. */
  readonly returned: boolean;
  /** Room positions to be told of: above `from`, up to `to`. */
  readonly from: number;
  readonly to: number;
  readonly ephemeral: readonly JsonObject[];
  readonly accountData: readonly JsonObject[];
  /** The user's member event, which is told even if the user was not in the room: who was kicked may then be banned. */
  readonly own?: EventId;
};

export type RoomSectionsDeps = {
  readonly rooms: RoomReads;
  readonly visibility: Visibility;
  readonly slices: TimelineSlices;
  readonly states: StateSections;
  readonly events: EventCache;
  readonly present: PresentEvents;
  readonly unread: UnreadSource;
};

/** Puts together what a sync says of a room. */
export class RoomSections {
  readonly #deps: RoomSectionsDeps;

  constructor(deps: RoomSectionsDeps) {
    this.#deps = deps;
  }

  /** Undefined for a room that is not here (any more). */
  async section(
    window: SyncWindow,
    news: RoomNews,
    kind: 'join' | 'leave',
  ): Promise<{ section: RoomSection; events: readonly StoredEvent[] } | undefined> {
    const { rooms, visibility, slices, states, present, unread } = this.#deps;
    const { audience, statePlace } = window;
    const live = await rooms.find(news.room);
    if (live === undefined) return undefined;
    // A client that wants all members at once is told of the room when they are here, or after the longest wait.
    if (news.fresh && live.head.state.partial !== undefined && !window.filter.state.lazyLoadMembers)
      await wholeRoom(rooms.engine.heads, news.room).catch(() => undefined);
    const viewer = await visibility.viewer(live, audience.user);
    const to = Math.min(news.to, viewer.joinedUntil);
    const slice = await slices.slice(live, viewer, window, news.from, to);
    const fresh = news.fresh || window.fullState;
    // The state is that of the slice: what changed while the user was away is not theirs to see.
    const then = await states.section({ window, room: news.room, slice, fresh });
    const own = await this.#own(window, news, slice);
    const stateEvents = own === undefined || statePlace === 'before' ? then : withMember(then, own);
    const shown =
      own === undefined ? slice.events : [...slice.events, { event: own, membership: membershipOf(own.pdu) }];
    const options = { audience, withRoomId: false };
    const [timeline, state, counts] = await Promise.all([
      present.present(shown, { ...options, withRelations: true }),
      present.present(
        stateEvents.map((event) => ({ event })),
        { ...options, withRelations: false },
      ),
      kind === 'join' ? unread.counts(audience.user, news.room) : undefined,
    ]);
    const events = slice.events.map(({ event }) => event);
    const membersChanged = [...events, ...stateEvents].some(({ pdu }) => pdu.type === EventType.Member);
    return {
      events,
      section: {
        timeline: {
          events: timeline,
          limited: slice.limited || news.returned,
          prevBatch: placeToken(slice.before),
        },
        state,
        statePlace,
        summary: kind === 'join' && (fresh || membersChanged) ? roomSummary(live, audience.user) : undefined,
        ephemeral: news.ephemeral,
        accountData: news.accountData,
        unread: counts,
      },
    };
  }

  /** The user's own member event, if it is of the window, not in the slice, and the filter lets it through. */
  async #own(window: SyncWindow, { own }: RoomNews, slice: TimelineSlice): Promise<StoredEvent | undefined> {
    const { since, upTo, filter } = window;
    if (own === undefined || filter.timeline.limit === 0) return undefined;
    if (slice.events.some(({ event }) => event.id === own)) return undefined;
    const event = await this.#deps.events.get(own);
    if (event?.stream === undefined || event.stream > upTo || event.stream <= (since ?? 0)) return undefined;
    return eventPasses(filter.timeline, event) ? event : undefined;
  }
}

/** State events with a newer one of a member in its place. */
const withMember = (state: readonly StoredEvent[], member: StoredEvent): readonly StoredEvent[] => [
  ...state.filter(({ pdu }) => pdu.type !== EventType.Member || pdu.stateKey !== member.pdu.stateKey),
  member,
];
