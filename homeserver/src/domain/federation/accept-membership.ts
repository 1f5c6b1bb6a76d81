import { openPdu } from '@nyx/federation/checks/open-pdu.ts';
import type { EventKeys } from '@nyx/federation/checks/ports.ts';
import { checkSignatures, keysNeeded } from '@nyx/federation/checks/receive-pdu.ts';
import { readPdu, type Pdu } from '@nyx/federation/events/pdu.ts';
import type { JsonObject } from '@nyx/federation/json/value.ts';
import { cosignEvent } from '@nyx/federation/signing/sign-event.ts';
import type { Signer } from '@nyx/federation/signing/keys.ts';
import { EventType, type Membership } from '@nyx/federation/spec/event-types.ts';
import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { ServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import { isUserId, userIdServer } from '@nyx/federation/spec/identifiers/user-id.ts';
import { DomainError } from '../errors.ts';
import { authLookup, requireAuthorised } from '../events/authorise.ts';
import type { PersistEvents } from '../events/persist-events.ts';
import type { PolicyServers } from '../events/policy-servers.ts';
import type { LiveRoom } from '../events/room-heads.ts';
import type { RoomState } from '../events/room-state.ts';
import type { RoomReads } from '../rooms/room-reads.ts';
import type { RelayEvents } from './relay-events.ts';
import type { RoomAccess } from './room-access.ts';
import type { RoomLanes } from './room-lanes.ts';

/** What was accepted: the event as it is in the room now, and the state before it. */
export type AcceptedMembership = {
  readonly pdu: Pdu;
  readonly live: LiveRoom;
  readonly stateBefore: RoomState;
};

export type AcceptMembershipDeps = {
  readonly rooms: RoomReads;
  readonly access: RoomAccess;
  readonly persist: PersistEvents;
  readonly keys: EventKeys;
  readonly lanes: RoomLanes;
  readonly relay: RelayEvents;
  readonly policies: PolicyServers;
};

/** Takes in membership events that other servers completed: joins, leaves, knocks, and tells the room of them. */
export class AcceptMembership {
  readonly #deps: AcceptMembershipDeps;
  readonly #signer: Signer;

  constructor(deps: AcceptMembershipDeps, signer: Signer) {
    this.#deps = deps;
    this.#signer = signer;
  }

  /** Throws `not_found`, `bad_json`, `invalid_param`, `forbidden`. */
  async accept(
    origin: ServerName,
    room: RoomId,
    eventId: EventId,
    membership: Membership,
    json: JsonObject,
  ): Promise<AcceptedMembership> {
    await this.#deps.access.open(room, origin);
    const live = await this.#deps.access.whole(room);
    const { rules } = live.head;
    const opened = openPdu(rules, json);
    if ('field' in opened) throw new DomainError('bad_json', opened.message);
    this.#requireFits(opened.pdu, origin, room, eventId, membership);
    await this.#deps.keys.fetch(keysNeeded([opened]));
    // A restricted join that we authorise lacks our signature until we have added it.
    const needsOurs = this.#authorisedByUs(opened.pdu);
    const signed = needsOurs ? cosignEvent(rules, opened.pdu.json, this.#signer) : opened.pdu.json;
    const checked = needsOurs ? openPdu(rules, signed) : opened;
    if ('field' in checked) throw new DomainError('bad_json', checked.message);
    const problem = checkSignatures(checked, this.#deps.keys);
    if (problem?.outcome === 'drop') throw new DomainError('forbidden', problem.detail);
    const pdu = readPdu(rules, signed, opened.pdu.eventId);
    return this.#deps.lanes.run(room, () => this.#add(live, pdu, origin));
  }

  async #add(live: LiveRoom, received: Pdu, origin: ServerName): Promise<AcceptedMembership> {
    const { persist, rooms, relay, policies } = this.#deps;
    const { rules } = live.head;
    const stateBefore = await persist.stateBefore(received.roomId, rules, received.prevEvents);
    if (stateBefore === undefined) {
      throw new DomainError('forbidden', 'The event is built on events that this server does not know');
    }
    const { events } = rooms.engine;
    for (const state of [stateBefore, live.head.state]) {
      requireAuthorised(rules, received, await authLookup(rules, received, state, events));
    }
    // Who is about to join cannot know the room's policy server: we ask for it.
    const pdu = await policies.signed(live.head, received);
    await relay.relaying(pdu, live, origin, () =>
      persist.persist(pdu.roomId, rules, [{ pdu, stateBefore }]).then(() => undefined),
    );
    return { pdu, live, stateBefore };
  }

  #authorisedByUs(pdu: Pdu): boolean {
    const authoriser = pdu.content.join_authorised_via_users_server;
    return isUserId(authoriser) && userIdServer(authoriser) === this.#signer.server;
  }

  #requireFits(pdu: Pdu, origin: ServerName, room: RoomId, eventId: EventId, membership: Membership): void {
    const fits =
      pdu.eventId === eventId &&
      pdu.roomId === room &&
      pdu.type === EventType.Member &&
      pdu.stateKey === pdu.sender &&
      pdu.content.membership === membership;
    if (!fits) throw new DomainError('invalid_param', 'The event is not what the path says');
    if (userIdServer(pdu.sender) !== origin)
      throw new DomainError('forbidden', 'The sender is not of your server');
  }
}
