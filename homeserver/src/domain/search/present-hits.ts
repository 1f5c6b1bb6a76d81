import { ownString, type JsonObject } from '@nyx/federation/json/value.ts';
import { EventType } from '@nyx/federation/spec/event-types.ts';
import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { Audience } from '../events/client-event.ts';
import type { PresentEvents } from '../events/present-events.ts';
import type { StoredEvent } from '../events/stored-event.ts';
import { NO_FILTER } from '../rooms/event-filter.ts';
import type { GetEvent, Sides } from '../rooms/get-event.ts';
import type { RoomViewers } from '../rooms/room-viewers.ts';
import { placeToken } from '../rooms/tokens.ts';

export type ContextWanted = Sides & { readonly profiles: boolean };

const OPTIONS = { withRoomId: true, withRelations: true } as const;

/** Most state events of one room that are told with a search. */
const MAX_STATE = 5_000;

/** Shows what was found, and what is around it (spec: Client-Server API, POST search). */
export class PresentHits {
  readonly #viewers: RoomViewers;
  readonly #getEvent: GetEvent;
  readonly #present: PresentEvents;

  constructor(viewers: RoomViewers, getEvent: GetEvent, present: PresentEvents) {
    this.#viewers = viewers;
    this.#getEvent = getEvent;
    this.#present = present;
  }

  async event(event: StoredEvent, audience: Audience): Promise<JsonObject> {
    return this.#present.presentOne({ event }, { audience, ...OPTIONS });
  }

  async context(event: StoredEvent, audience: Audience, wanted: ContextWanted): Promise<JsonObject> {
    const { viewer } = await this.#viewers.view(event.room, audience.user);
    const { before, after } = await this.#getEvent.around(event, viewer, wanted, NO_FILTER);
    const show = (events: Parameters<PresentEvents['present']>[0]) =>
      this.#present.present(events, { audience, ...OPTIONS });
    const all = [event, ...before.events.map((one) => one.event), ...after.events.map((one) => one.event)];
    return {
      start: placeToken(before.events.at(-1)?.event.pos ?? event.pos ?? 0),
      end: placeToken(after.events.at(-1)?.event.pos ?? event.pos ?? 0),
      events_before: await show(before.events),
      events_after: await show(after.events),
      ...(wanted.profiles ? { profile_info: await this.#profiles(event, all) } : {}),
    };
  }

  /** The state that the user may read of a room. */
  async state(room: RoomId, audience: Audience): Promise<JsonObject[]> {
    const { state } = await this.#viewers.stateFor(room, audience.user);
    const ids = [...state.eventIds()].slice(0, MAX_STATE);
    const events = await this.#viewers.rooms.engine.events.getAll(ids);
    const shown = [...events.values()].map((event) => ({ event }));
    return this.#present.present(shown, { audience, withRoomId: true, withRelations: false });
  }

  /** Names and pictures of the senders as they were at the event. */
  async #profiles(event: StoredEvent, events: readonly StoredEvent[]): Promise<JsonObject> {
    const { engine } = this.#viewers.rooms;
    const state = await engine.states.get(event.stateAfter ?? '');
    const members = new Map<string, EventId>();
    for (const { pdu } of events) {
      const id = state.get(EventType.Member, pdu.sender);
      if (id !== undefined) members.set(pdu.sender, id);
    }
    const found = await engine.events.getAll(members.values());
    const profiles: Record<string, JsonObject> = {};
    for (const [user, id] of members) {
      const content = found.get(id)?.pdu.content ?? {};
      const [name, avatar] = [ownString(content, 'displayname'), ownString(content, 'avatar_url')];
      profiles[user] = {
        ...(name === undefined ? {} : { displayname: name }),
        ...(avatar?.startsWith('mxc://') === true ? { avatar_url: avatar } : {}),
      };
    }
    return profiles;
  }
}
