import type { JsonObject, JsonValue } from '@nyx/federation/json/value.ts';
import { EventType, STRIPPED_STATE_TYPES } from '@nyx/federation/spec/event-types.ts';
import type { ServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import type { StoredEvent } from '../events/stored-event.ts';
import type { RoomReads } from '../rooms/room-reads.ts';
import type { AcceptedMembership } from './accept-membership.ts';
import type { ServeEvents } from './serve-events.ts';

const jsonOf = ({ pdu }: StoredEvent): JsonObject => pdu.json;

/** What another server is told once its membership event is in the room. */
export class AnswerMembership {
  readonly #rooms: RoomReads;
  readonly #serve: ServeEvents;
  readonly #server: ServerName;

  constructor(rooms: RoomReads, serve: ServeEvents, server: ServerName) {
    this.#rooms = rooms;
    this.#serve = serve;
    this.#server = server;
  }

  /**
   * The state before the join with its auth chain (spec: PUT send_join). With `omitMembers`, members are left out but
   * for those that the auth chain of the rest needs, and the joining server learns which servers are in the room.
   */
  async join({ pdu, live, stateBefore }: AcceptedMembership, omitMembers: boolean): Promise<JsonObject> {
    const { state } = await this.#serve.withAuthChain(stateBefore);
    const kept = omitMembers
      ? state.filter((event) => event.pdu.type !== EventType.Member || event.pdu.stateKey === pdu.sender)
      : state;
    const chain = await this.#serve.authChain([...kept]);
    const inState = new Set(kept.map(({ id }) => id));
    const authChain = omitMembers ? chain.filter(({ id }) => !inState.has(id)) : chain;
    return {
      origin: this.#server,
      state: kept.map(jsonOf),
      auth_chain: authChain.map(jsonOf),
      event: pdu.json,
      members_omitted: omitMembers,
      ...(omitMembers ? { servers_in_room: [...live.tally.servers.keys()] as JsonValue } : {}),
    };
  }

  /** The stripped state that a knocking user is shown (spec: PUT send_knock). */
  async knock({ stateBefore }: AcceptedMembership): Promise<JsonObject> {
    const ids = STRIPPED_STATE_TYPES.flatMap((type) => stateBefore.get(type, '') ?? []);
    const events = await this.#rooms.engine.events.getAll(ids);
    return { knock_room_state: [...events.values()].map(jsonOf) };
  }
}
