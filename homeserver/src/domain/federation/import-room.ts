import { openPdu } from '@nyx/federation/checks/open-pdu.ts';
import type { Pdu } from '@nyx/federation/events/pdu.ts';
import type { JoinAnswer } from '@nyx/federation/http/peer-api.ts';
import type { RoomVersionRules } from '@nyx/federation/room-versions/rules.ts';
import { EventType } from '@nyx/federation/spec/event-types.ts';
import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { ServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import { DomainError } from '../errors.ts';
import { authLookup, requireAuthorised } from '../events/authorise.ts';
import type { StateLayer } from '../events/room-state.ts';
import type { PersistEvents } from '../events/persist-events.ts';
import type { RoomReads } from '../rooms/room-reads.ts';
import { authIdsOf, stateListed, type AdmitEvents } from './admit-events.ts';

/** Servers of a room that are remembered while its members are missing. */
const MAX_SERVERS = 10_000;

/** A layer of a state whose members are missing. */
export type PartialLayer = StateLayer;

/** Makes a room of what a server tells that has just let one of our users in. Nothing of it is believed unchecked. */
export class ImportRoom {
  readonly #rooms: RoomReads;
  readonly #persist: PersistEvents;
  readonly #admit: AdmitEvents;
  readonly #server: ServerName;

  constructor(rooms: RoomReads, persist: PersistEvents, admit: AdmitEvents, server: ServerName) {
    this.#rooms = rooms;
    this.#persist = persist;
    this.#admit = admit;
    this.#server = server;
  }

  /**
   * Stores the state, then the join on top of it. Throws `bad_gateway` when the state cannot be the room's. Answers the
   * layer that still lacks the members, if they were left out.
   *
   * @param whole the state with its members, where the answer lacks them and they could be had otherwise
   */
  async joined(
    from: ServerName,
    rules: RoomVersionRules,
    join: Pdu,
    answer: JoinAnswer,
    whole?: readonly EventId[],
  ): Promise<PartialLayer | undefined> {
    const judged = await this.#admit.admit(rules, { room: join.roomId }, [
      ...answer.authChain,
      ...answer.state,
    ]);
    const listed: EventId[] = [];
    for (const json of answer.state) {
      const opened = openPdu(rules, json);
      // What cannot be checked, as an event of a server that is gone for good, is not part of it here.
      if (!('field' in opened) && judged.has(opened.pdu.eventId)) listed.push(opened.pdu.eventId);
    }
    // The create event that the join itself rests on: whoever made the room can sign a second one.
    const create = authIdsOf(rules, join)
      .map((id) => judged.get(id)?.pdu)
      .find((pdu) => pdu?.type === EventType.Create && pdu.stateKey === '');
    const scope = create && { room: join.roomId, create: create.eventId };
    const state = scope && stateListed(scope, listed, judged);
    if (
      state === undefined ||
      (create?.content.room_version ?? '1') !== rules.version ||
      (whole !== undefined && create !== undefined && !whole.includes(create.eventId))
    ) {
      throw new DomainError('bad_gateway', `${from} did not send the state of the room`);
    }
    const isPartial = answer.membersOmitted && whole === undefined;
    const servers = [...new Set([from, ...answer.serversInRoom])].slice(0, MAX_SERVERS);
    const partial = { event: join.eventId, servers };
    const stateBefore = await this.#persist.stateOf(
      join.roomId,
      whole ?? state,
      isPartial ? partial : undefined,
    );
    const { events, heads } = this.#rooms.engine;
    requireAuthorised(rules, join, await authLookup(rules, join, stateBefore, events));
    const live = await this.#rooms.find(join.roomId);
    const fresh = live?.tally.servers.has(this.#server) !== true;
    await this.#persist.persist(join.roomId, rules, [{ pdu: join, stateBefore, gapBefore: true }], { fresh });
    await heads.adopt(join.roomId);
    return isPartial ? stateBefore.layers.at(-1) : undefined;
  }
}
