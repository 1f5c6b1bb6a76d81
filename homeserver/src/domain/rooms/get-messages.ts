import type { JsonObject } from '@nyx/federation/json/value.ts';
import { EventType } from '@nyx/federation/spec/event-types.ts';
import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { RemoteHistory } from '../../ports/remote-history.ts';
import type { Audience } from '../events/client-event.ts';
import type { PresentEvents } from '../events/present-events.ts';
import type { LiveRoom } from '../events/room-heads.ts';
import type { RoomState } from '../events/room-state.ts';
import type { EventFilter } from './event-filter.ts';
import type { RoomViewers } from './room-viewers.ts';
import type { TimelinePage, TimelinePages, TimelineRequest } from './timeline-page.ts';
import { parseToken, placeToken } from './tokens.ts';

export type MessagesRequest = {
  readonly room: RoomId;
  readonly audience: Audience;
  readonly direction: 'forward' | 'backward';
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly limit: number;
  readonly filter: EventFilter;
};

export type Messages = {
  readonly start: string;
  readonly end: string | undefined;
  readonly chunk: readonly JsonObject[];
  readonly state: readonly JsonObject[];
};

/** Pages through a room's timeline (spec: Client-Server API, GET messages). */
export class GetMessages {
  readonly #viewers: RoomViewers;
  readonly #pages: TimelinePages;
  readonly #present: PresentEvents;
  readonly #history: RemoteHistory;

  constructor(viewers: RoomViewers, pages: TimelinePages, present: PresentEvents, history: RemoteHistory) {
    this.#viewers = viewers;
    this.#pages = pages;
    this.#present = present;
    this.#history = history;
  }

  /** Throws `forbidden` for rooms one may not look into, `invalid_param` for unknown tokens. */
  async get(request: MessagesRequest): Promise<Messages> {
    const { room, audience, direction, limit, filter } = request;
    const { live, viewer, end } = await this.#viewers.view(room, audience.user);
    const isForward = direction === 'forward';
    const start = await this.#place(live, request.from, isForward ? 0 : live.head.pos + 1, direction);
    const from = isForward ? start : Math.min(start, end + 1);
    // It ends on the other side of its token than a page that began there would: nothing unseen is left out.
    const to =
      request.to === undefined
        ? undefined
        : await this.#place(live, request.to, undefined, isForward ? 'backward' : 'forward');
    const page = await this.#read({ room, viewer, direction, from, to, limit, filter });
    const chunk = await this.#present.present(page.events, {
      audience,
      withRoomId: true,
      withRelations: true,
    });
    const members = filter.lazyLoadMembers ? await this.#members(live.head.state, page, audience) : [];
    return {
      start: request.from ?? placeToken(start),
      end: page.next === undefined ? undefined : placeToken(page.next),
      chunk,
      state: members,
    };
  }

  /** A page; if it ends where history is missing, the history is fetched and the page read again. */
  async #read(request: TimelineRequest): Promise<TimelinePage> {
    const page = await this.#pages.read(request);
    const { gapAt } = page;
    if (request.direction === 'forward' || gapAt === undefined) return page;
    const fetched = await this.#history.backfill(request.room, gapAt, request.limit);
    return fetched ? this.#pages.read(request) : page;
  }

  /** The exclusive bound that a token stands for. */
  async #place(
    live: LiveRoom,
    text: string | undefined,
    otherwise: number | undefined,
    direction: 'forward' | 'backward',
  ): Promise<number> {
    if (text === undefined) return otherwise ?? 0;
    const token = parseToken(text);
    if ('pos' in token) return token.pos;
    const pos = await this.#viewers.rooms.engine.reader.positionAt(live.head.room, token.stream);
    return direction === 'forward' ? pos : pos + 1;
  }

  /** Member events of the senders in a page. */
  async #members(state: RoomState, page: TimelinePage, audience: Audience): Promise<JsonObject[]> {
    const ids = new Set<EventId>();
    for (const { event } of page.events) {
      const id = state.get(EventType.Member, event.pdu.sender);
      if (id !== undefined) ids.add(id);
    }
    const events = await this.#viewers.rooms.engine.events.getAll(ids);
    const shown = [...events.values()].map((event) => ({ event }));
    return this.#present.present(shown, { audience, withRoomId: true, withRelations: false });
  }
}
