import { isJsonArray, isJsonObject, ownValue, type JsonObject } from '@nyx/federation/json/value.ts';
import { EventType } from '@nyx/federation/spec/event-types.ts';
import type { MembershipRow } from '../../ports/event-store.ts';
import type { IgnoredUsers } from '../../ports/ignored-users.ts';
import type { RoomReads } from '../rooms/room-reads.ts';
import { stripped, strippedState } from '../rooms/stripped-state.ts';

/** Rooms a user is invited to, or knocks on: shown by stripped state. */
export class StrippedRooms {
  readonly #rooms: RoomReads;
  readonly #ignored: IgnoredUsers;

  constructor(rooms: RoomReads, ignored: IgnoredUsers) {
    this.#rooms = rooms;
    this.#ignored = ignored;
  }

  /** Undefined for invites of users who are ignored. */
  async state(user: string, row: MembershipRow): Promise<JsonObject[] | undefined> {
    const live = await this.#rooms.find(row.room);
    const member = await this.#rooms.engine.events.get(row.eventId);
    if (live === undefined || member === undefined) return undefined;
    if ((await this.#ignored.ignoredBy(user)).has(member.pdu.sender)) return undefined;
    // What the inviting server sent along is all there is to know of a room that this server is not in.
    const sent = givenState(member.pdu.json);
    if (sent !== undefined && live.head.state.get(EventType.Create, '') === undefined) {
      return [...sent, stripped(member)];
    }
    return strippedState(this.#rooms, live.head.state, member);
  }
}

function givenState(json: JsonObject): JsonObject[] | undefined {
  const unsigned = ownValue(json, 'unsigned');
  if (!isJsonObject(unsigned)) return undefined;
  const given = ownValue(unsigned, 'invite_room_state') ?? ownValue(unsigned, 'knock_room_state');
  return isJsonArray(given) ? given.filter(isJsonObject) : undefined;
}
