import type { JsonObject } from '@nyx/federation/json/value.ts';
import { EventType, type Membership } from '@nyx/federation/spec/event-types.ts';
import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import { DomainError } from '../errors.ts';
import type { Audience } from '../events/client-event.ts';
import type { PresentEvents } from '../events/present-events.ts';
import { wholeRoom } from '../events/whole-room.ts';
import type { StoredEvent } from '../events/stored-event.ts';
import type { RoomViewers } from './room-viewers.ts';
import { parseToken } from './tokens.ts';

export type MembersRequest = {
  readonly room: RoomId;
  readonly audience: Audience;
  /** A token of /sync or /messages: the members at that point. */
  readonly at: string | undefined;
  readonly membership: Membership | undefined;
  readonly notMembership: Membership | undefined;
};

/** Reads room state (spec: Client-Server API, GET state, members, joined_members). */
export class GetState {
  readonly #viewers: RoomViewers;
  readonly #present: PresentEvents;

  constructor(viewers: RoomViewers, present: PresentEvents) {
    this.#viewers = viewers;
    this.#present = present;
  }

  /** The whole state a user may read. */
  async all(room: RoomId, audience: Audience): Promise<JsonObject[]> {
    await this.#whole(room);
    const { state } = await this.#viewers.stateFor(room, audience.user);
    return this.#show([...state.eventIds()], audience);
  }

  /** One state event in full, as clients get it. Throws `not_found`. */
  async event(room: RoomId, audience: Audience, type: string, key: string): Promise<JsonObject> {
    const event = await this.#find(room, audience, type, key);
    return this.#present.presentOne({ event }, { audience, withRoomId: true, withRelations: false });
  }

  /** The content of one state event. Throws `not_found`. */
  async content(room: RoomId, audience: Audience, type: string, key: string): Promise<JsonObject> {
    return (await this.#find(room, audience, type, key)).pdu.content;
  }

  async members(request: MembersRequest): Promise<JsonObject[]> {
    const { room, audience, at, membership, notMembership } = request;
    await this.#whole(room);
    const { live, viewer, state: own } = await this.#viewers.stateFor(room, audience.user);
    let state = own;
    if (at !== undefined) {
      const token = parseToken(at);
      const { reader } = this.#viewers.rooms.engine;
      const pos = 'pos' in token ? token.pos : await reader.positionAt(room, token.stream);
      state = await this.#viewers.stateAt(live, Math.min(pos, viewer.joinedUntil));
    }
    const ids: EventId[] = [];
    for (const [, current, id] of state.members()) {
      if (membership !== undefined && current !== membership) continue;
      if (notMembership !== undefined && current === notMembership) continue;
      ids.push(id);
    }
    return this.#show(ids, audience);
  }

  /** Joined users with their names. Only for users in the room. */
  async joined(room: RoomId, user: string): Promise<ReadonlyMap<string, JsonObject>> {
    await this.#whole(room);
    const live = await this.#viewers.rooms.requireJoined(room, user);
    const ids: EventId[] = [];
    for (const [, membership, id] of live.head.state.members()) if (membership === 'join') ids.push(id);
    const joined = new Map<string, JsonObject>();
    for (const { pdu } of (await this.#viewers.rooms.engine.events.getAll(ids)).values()) {
      const { displayname, avatar_url: avatar } = pdu.content;
      joined.set(pdu.stateKey ?? '', {
        ...(typeof displayname === 'string' ? { display_name: displayname } : {}),
        ...(typeof avatar === 'string' ? { avatar_url: avatar } : {}),
      });
    }
    return joined;
  }

  /** Members of a room that was just joined are waited for. */
  async #whole(room: RoomId): Promise<void> {
    await wholeRoom(this.#viewers.rooms.engine.heads, room);
  }

  async #find(room: RoomId, { user }: Audience, type: string, key: string): Promise<StoredEvent> {
    const seen = await this.#viewers.stateFor(room, user);
    const isMissing = type === EventType.Member && seen.state.membership(key) === undefined;
    if (isMissing && seen.state.partial !== undefined) await this.#whole(room);
    const { state } = isMissing ? await this.#viewers.stateFor(room, user) : seen;
    const event = await this.#viewers.rooms.stateEvent(state, type, key);
    if (event === undefined) throw new DomainError('not_found', 'No such state');
    return event;
  }

  async #show(ids: readonly EventId[], audience: Audience): Promise<JsonObject[]> {
    const events = await this.#viewers.rooms.engine.events.getAll(ids);
    const shown = ids.map((id) => events.get(id)).filter((event) => event !== undefined);
    const options = { audience, withRoomId: true, withRelations: false };
    return this.#present.present(
      shown.map((event) => ({ event })),
      options,
    );
  }
}
