import { openPdu } from '@nyx/federation/checks/open-pdu.ts';
import type { EventKeys } from '@nyx/federation/checks/ports.ts';
import { checkSignatures, keysNeeded } from '@nyx/federation/checks/receive-pdu.ts';
import { roomIdOfCreate } from '@nyx/federation/events/event-id.ts';
import { readPdu, type Pdu } from '@nyx/federation/events/pdu.ts';
import { ownObject, type JsonObject } from '@nyx/federation/json/value.ts';
import { roomVersionRules } from '@nyx/federation/room-versions/registry.ts';
import type { RoomVersionRules } from '@nyx/federation/room-versions/rules.ts';
import type { Signer } from '@nyx/federation/signing/keys.ts';
import { cosignEvent } from '@nyx/federation/signing/sign-event.ts';
import { EventType } from '@nyx/federation/spec/event-types.ts';
import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { ServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import { isUserId, userIdServer, type UserId } from '@nyx/federation/spec/identifiers/user-id.ts';
import type { InvitePolicy } from '../../ports/invite-policy.ts';
import { DomainError } from '../errors.ts';
import type { RoomReads } from '../rooms/room-reads.ts';
import type { ForeignRooms } from './foreign-rooms.ts';
import type { RoomLanes } from './room-lanes.ts';

export type InviteRequest = {
  readonly origin: ServerName;
  readonly room: RoomId;
  readonly eventId: EventId;
  readonly roomVersion: string;
  readonly event: JsonObject;
  readonly strippedState: readonly JsonObject[];
};

export type AcceptInviteDeps = {
  readonly rooms: RoomReads;
  readonly foreign: ForeignRooms;
  readonly keys: EventKeys;
  readonly policy: InvitePolicy;
  readonly lanes: RoomLanes;
  /** Whether an account of this server may be invited: it exists and is active. */
  readonly isActive: (user: UserId) => Promise<boolean>;
};

/** Takes invites of other servers for users of this one (spec: Server-Server API, Inviting to a room). */
export class AcceptInvite {
  readonly #deps: AcceptInviteDeps;
  readonly #signer: Signer;

  constructor(deps: AcceptInviteDeps, signer: Signer) {
    this.#deps = deps;
    this.#signer = signer;
  }

  /**
   * The event with this server's signature. Throws `incompatible_room_version`, `bad_json`, `invalid_param`,
   * `forbidden`, `invite_blocked`.
   */
  async accept(request: InviteRequest): Promise<JsonObject> {
    const { origin, room, roomVersion, strippedState } = request;
    const rules = roomVersionRules(roomVersion);
    if (rules === undefined) {
      throw new DomainError('incompatible_room_version', 'This server does not know the room version', {
        fields: { room_version: roomVersion },
      });
    }
    const { pdu, user } = await this.#check(rules, request);
    if (!(await this.#deps.isActive(user))) throw new DomainError('forbidden', 'No such user here');
    if (!(await this.#deps.policy.allows(user, pdu.sender, room))) {
      throw new DomainError('invite_blocked', 'The user does not take invites');
    }
    if (rules.auth.createImpliedByRoomId) requireCreateEvent(rules, room, strippedState);
    const signed = cosignEvent(rules, pdu.json, this.#signer);
    const live = await this.#deps.rooms.find(room);
    // Where this server is in the room, the event comes with a transaction like any other.
    if (live?.tally.servers.has(this.#signer.server) !== true) {
      const own = readPdu(rules, signed, pdu.eventId);
      await this.#deps.lanes.run(room, () => this.#deps.foreign.remember(rules, own, strippedState));
    } else if (!live.tally.servers.has(origin)) {
      throw new DomainError('forbidden', 'Your server is not in the room');
    }
    return signed;
  }

  async #check(
    rules: RoomVersionRules,
    { origin, room, eventId, event }: InviteRequest,
  ): Promise<{ pdu: Pdu; user: UserId }> {
    const opened = openPdu(rules, event);
    if ('field' in opened) throw new DomainError('bad_json', opened.message);
    const { pdu } = opened;
    const user = pdu.stateKey;
    if (
      pdu.eventId !== eventId ||
      pdu.roomId !== room ||
      pdu.type !== EventType.Member ||
      pdu.content.membership !== 'invite'
    ) {
      throw new DomainError('invalid_param', 'The event is not what the path says');
    }
    if (!isUserId(user) || userIdServer(user) !== this.#signer.server) {
      throw new DomainError('invalid_param', 'The invited user is not of this server');
    }
    if (userIdServer(pdu.sender) !== origin) {
      throw new DomainError('forbidden', 'The sender is not of your server');
    }
    await this.#deps.keys.fetch(keysNeeded([opened]));
    const problem = checkSignatures(opened, this.#deps.keys);
    if (problem?.outcome === 'drop') throw new DomainError('forbidden', problem.detail);
    return { pdu, user };
  }
}

/** Where the room id is the create event's hash, the create event that comes along can be, and is, held against it. */
function requireCreateEvent(
  rules: RoomVersionRules,
  room: RoomId,
  strippedState: readonly JsonObject[],
): void {
  const create = strippedState.find(({ type, state_key: key }) => type === EventType.Create && key === '');
  // Servers from before v1.16 send the stripped form, which proves nothing either way.
  if (create === undefined || ownObject(create, 'hashes') === undefined) return;
  const opened = openPdu(rules, create);
  if ('field' in opened || roomIdOfCreate(opened.pdu.eventId) !== room) {
    throw new DomainError('invalid_param', 'The create event is not that of the room');
  }
}
