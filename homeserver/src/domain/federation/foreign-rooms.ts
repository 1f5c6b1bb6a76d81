import { sha256Base64Url } from '@nyx/federation/events/hash.ts';
import { readPdu, type Pdu } from '@nyx/federation/events/pdu.ts';
import { ownObject, ownString, type JsonObject } from '@nyx/federation/json/value.ts';
import type { RoomVersionRules } from '@nyx/federation/room-versions/rules.ts';
import { isEventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { UserId } from '@nyx/federation/spec/identifiers/user-id.ts';
import type { PersistEvents } from '../events/persist-events.ts';
import type { StoredEvent } from '../events/stored-event.ts';
import type { RoomReads } from '../rooms/room-reads.ts';

/** Most events of a stripped state that are kept. */
const MAX_STRIPPED = 100;

/**
 * Rooms that this server is not in, but a user of which it is invited to or knocks on. All that is known of them is the
 * stripped state that came along; it is kept as the state of a room that has nothing but the membership event, and
 * replaced by the real thing on a join.
 */
export class ForeignRooms {
  readonly #rooms: RoomReads;
  readonly #persist: PersistEvents;

  constructor(rooms: RoomReads, persist: PersistEvents) {
    this.#rooms = rooms;
    this.#persist = persist;
  }

  /** Stores a membership in a room that is known by its stripped state alone. */
  async remember(rules: RoomVersionRules, pdu: Pdu, strippedState: readonly JsonObject[]): Promise<void> {
    const pdus = strippedState
      .slice(0, MAX_STRIPPED)
      .flatMap((event) => placeholder(rules, pdu.roomId, event) ?? [])
      .filter(({ type, stateKey }) => type !== pdu.type || stateKey !== pdu.stateKey);
    const hasCreate = pdus.some(({ type, stateKey }) => type === 'm.room.create' && stateKey === '');
    const create = hasCreate ? undefined : placeholder(rules, pdu.roomId, createOf(rules, pdu));
    const all = create === undefined ? pdus : [create, ...pdus];
    await this.#persist.persistOutliers(rules, all);
    const stateBefore = await this.#persist.stateOf(
      pdu.roomId,
      all.map(({ eventId }) => eventId),
    );
    await this.#persist.persist(pdu.roomId, rules, [{ pdu, stateBefore, gapBefore: true }], { fresh: true });
    await this.#rooms.engine.heads.adopt(pdu.roomId);
  }

  /** Follows up with another membership: the user left, or the invite was withdrawn. */
  async follow(rules: RoomVersionRules, pdu: Pdu): Promise<void> {
    const live = await this.#rooms.find(pdu.roomId);
    if (live === undefined) return;
    await this.#persist.persist(pdu.roomId, rules, [{ pdu, stateBefore: live.head.state, gapBefore: true }]);
  }

  /** The user's current membership event in a room, whatever kind of room it is. */
  async membership(room: RoomId, user: UserId): Promise<StoredEvent | undefined> {
    const live = await this.#rooms.find(room);
    return live && this.#rooms.stateEvent(live.head.state, 'm.room.member', user);
  }
}

/** The least that a room needs to be one, when the inviting server did not even send the create event. */
const createOf = (rules: RoomVersionRules, pdu: Pdu): JsonObject => ({
  type: 'm.room.create',
  state_key: '',
  sender: pdu.sender,
  content: { room_version: rules.version },
});

/** An event out of a stripped one. Its id is of our making: nobody else will ever name it. */
function placeholder(rules: RoomVersionRules, room: RoomId, stripped: JsonObject): Pdu | undefined {
  const type = ownString(stripped, 'type');
  const stateKey = ownString(stripped, 'state_key');
  const sender = ownString(stripped, 'sender');
  const content = ownObject(stripped, 'content');
  if (type === undefined || stateKey === undefined || sender === undefined || content === undefined)
    return undefined;
  const id = `$${sha256Base64Url(JSON.stringify(['stripped', room, type, stateKey, sender, content]))}`;
  if (!isEventId(id)) return undefined;
  const isImplied = rules.auth.createImpliedByRoomId && type === 'm.room.create';
  const json: JsonObject = {
    type,
    state_key: stateKey,
    sender,
    content,
    ...(isImplied ? {} : { room_id: room }),
    origin_server_ts: 0,
    depth: 0,
    prev_events: [],
    auth_events: [],
    hashes: {},
    signatures: {},
  };
  try {
    return { ...readPdu(rules, json, id), roomId: room };
  } catch {
    return undefined;
  }
}
