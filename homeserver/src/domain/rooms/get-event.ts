import type { JsonObject } from '@nyx/federation/json/value.ts';
import { EventType } from '@nyx/federation/spec/event-types.ts';
import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import { DomainError } from '../errors.ts';
import type { Audience } from '../events/client-event.ts';
import type { PresentEvents } from '../events/present-events.ts';
import type { StoredEvent } from '../events/stored-event.ts';
import type { Viewer } from '../events/visibility.ts';
import type { EventFilter } from './event-filter.ts';
import type { RoomViewers } from './room-viewers.ts';
import type { TimelinePages } from './timeline-page.ts';
import { placeToken } from './tokens.ts';

export type ContextRequest = {
  readonly room: RoomId;
  readonly event: EventId;
  readonly audience: Audience;
  readonly limit: number;
  readonly filter: EventFilter;
};

/** How many events are wanted on each side of one. */
export type Sides = { readonly before: number; readonly after: number };

export type EventContextAnswer = {
  readonly event: JsonObject;
  readonly before: readonly JsonObject[];
  readonly after: readonly JsonObject[];
  readonly state: readonly JsonObject[];
  readonly start: string;
  readonly end: string;
};

/** Single events and what is around them (spec: Client-Server API, GET event, GET context, timestamp_to_event). */
export class GetEvent {
  readonly #viewers: RoomViewers;
  readonly #pages: TimelinePages;
  readonly #present: PresentEvents;

  constructor(viewers: RoomViewers, pages: TimelinePages, present: PresentEvents) {
    this.#viewers = viewers;
    this.#pages = pages;
    this.#present = present;
  }

  /** An event that the user may see. Throws `not_found` also when it is there but not to be seen. */
  async visible(room: RoomId, id: EventId, user: string): Promise<{ event: StoredEvent; viewer: Viewer }> {
    const { viewer } = await this.#viewers.view(room, user);
    const event = await this.#viewers.rooms.engine.events.get(id);
    const isHere = event?.room === room && event.standing === 'accepted';
    if (!isHere || !(await this.#viewers.visibility.isVisible(viewer, event))) {
      throw new DomainError('not_found', 'No such event, or you may not see it');
    }
    return { event, viewer };
  }

  async one(room: RoomId, id: EventId, audience: Audience): Promise<JsonObject> {
    const { event, viewer } = await this.visible(room, id, audience.user);
    const [shown] = await this.#viewers.visibility.filter(viewer, [event]);
    return this.#present.presentOne(shown ?? { event }, { audience, withRoomId: true, withRelations: true });
  }

  /** What is around an event: as many events on each side as asked for. */
  async around(event: StoredEvent, viewer: Viewer, sides: Sides, filter: EventFilter) {
    const read = (direction: 'forward' | 'backward', limit: number) =>
      limit === 0
        ? { events: [], next: undefined }
        : this.#pages.read({
            room: event.room,
            viewer,
            direction,
            from: event.pos,
            to: undefined,
            limit,
            filter,
          });
    const [before, after] = await Promise.all([read('backward', sides.before), read('forward', sides.after)]);
    return { before, after };
  }

  async context({ room, event: id, audience, limit, filter }: ContextRequest): Promise<EventContextAnswer> {
    const { event, viewer } = await this.visible(room, id, audience.user);
    const half = Math.floor(limit / 2);
    const { before, after } = await this.around(event, viewer, { before: half, after: limit - half }, filter);
    const present = (shown: Parameters<PresentEvents['present']>[0]) =>
      this.#present.present(shown, { audience, withRoomId: true, withRelations: true });
    const own = await this.#present.presentOne(
      { event },
      { audience, withRoomId: true, withRelations: true },
    );
    const last = after.events.at(-1)?.event ?? event;
    return {
      event: own,
      before: await present(before.events),
      after: await present(after.events),
      state: await this.#state(last, [...before.events, { event }, ...after.events], audience, filter),
      start: placeToken(before.events.at(-1)?.event.pos ?? event.pos ?? 0),
      end: placeToken(last.pos ?? 0),
    };
  }

  /** The event nearest in time that the user may see. Throws `not_found`. */
  async nearest(room: RoomId, user: string, ts: number, direction: 'f' | 'b'): Promise<StoredEvent> {
    const { viewer } = await this.#viewers.view(room, user);
    const { lookups } = this.#viewers.rooms.engine;
    let from = ts;
    for (let step = 0; step < MAX_STEPS; step++) {
      const event = await lookups.nearest(room, from, direction);
      if (event === undefined) break;
      if (await this.#viewers.visibility.isVisible(viewer, event)) return event;
      from = event.pdu.originServerTs + (direction === 'f' ? 1 : -1);
    }
    throw new DomainError('not_found', 'No event at that time that you may see');
  }

  /** State after the newest event shown; with lazy loading only the senders' members. */
  async #state(
    last: StoredEvent,
    shown: readonly { readonly event: StoredEvent }[],
    audience: Audience,
    filter: EventFilter,
  ): Promise<JsonObject[]> {
    const { engine } = this.#viewers.rooms;
    const state = await engine.states.get(last.stateAfter ?? '');
    const senders = new Set(shown.map(({ event }) => event.pdu.sender as string));
    const ids: EventId[] = [];
    for (const id of state.eventIds()) ids.push(id);
    const events = [...(await engine.events.getAll(ids)).values()].filter(
      ({ pdu }) =>
        !filter.lazyLoadMembers || pdu.type !== EventType.Member || senders.has(pdu.stateKey ?? ''),
    );
    const options = { audience, withRoomId: true, withRelations: false };
    return this.#present.present(
      events.map((event) => ({ event })),
      options,
    );
  }
}

/** Invisible events passed over in search of a visible one. */
const MAX_STEPS = 100;
