import { openPdu } from '@nyx/federation/checks/open-pdu.ts';
import { readPdu, type Pdu } from '@nyx/federation/events/pdu.ts';
import { RemoteError } from '@nyx/federation/http/errors.ts';
import type { PeerApi } from '@nyx/federation/http/peer-api.ts';
import { ownObject, ownString, type JsonObject } from '@nyx/federation/json/value.ts';
import { roomVersionRules } from '@nyx/federation/room-versions/registry.ts';
import { ROOM_VERSIONS, type RoomVersionRules } from '@nyx/federation/room-versions/rules.ts';
import type { Signer } from '@nyx/federation/signing/keys.ts';
import { signEvent, type SignedEvent } from '@nyx/federation/signing/sign-event.ts';
import { withSignature } from '@nyx/federation/signing/sign-json.ts';
import { EventType, STRIPPED_STATE_TYPES, type Membership } from '@nyx/federation/spec/event-types.ts';
import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import { roomAliasServer, type RoomAlias } from '@nyx/federation/spec/identifiers/room-alias.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { ServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import { isUserId, userIdServer } from '@nyx/federation/spec/identifiers/user-id.ts';
import type { Clock } from '../../ports/clock.ts';
import type { RemoteMembershipRequest, RemoteRooms } from '../../ports/remote-rooms.ts';
import { DomainError } from '../errors.ts';
import type { RoomReads } from '../rooms/room-reads.ts';
import type { JoinMembers } from './join-members.ts';
import type { ForeignRooms } from './foreign-rooms.ts';
import type { ImportRoom } from './import-room.ts';
import type { RoomLanes } from './room-lanes.ts';

export type FederatedRoomsDeps = {
  readonly peers: PeerApi;
  readonly rooms: RoomReads;
  readonly foreign: ForeignRooms;
  readonly importer: ImportRoom;
  readonly joins: RoomLanes;
  readonly members: JoinMembers;
  readonly clock: Clock;
};

/** Servers asked for one join, leave or knock. */
const MAX_SERVERS_TRIED = 8;

/** A membership event that is ready to be sent. */
type Prepared = { readonly rules: RoomVersionRules; readonly signed: SignedEvent };

/** Memberships of local users in rooms that this server is not in, with the help of servers that are. */
export class FederatedRooms implements RemoteRooms {
  readonly #deps: FederatedRoomsDeps;
  readonly #signer: Signer;

  constructor(deps: FederatedRoomsDeps, signer: Signer) {
    this.#deps = deps;
    this.#signer = signer;
  }

  async join(request: RemoteMembershipRequest): Promise<void> {
    const { peers, importer, joins, members } = this.#deps;
    await joins.run(request.room, () =>
      this.#withAny(request, async (server) => {
        const { rules, signed } = await this.#prepare('join', server, request);
        const { eventId, json } = signed;
        const answer = await peers.sendJoin(server, request.room, eventId, json, true);
        const event = withForeignSignatures(rules, json, eventId, answer.event);
        const join = readPdu(rules, event, eventId);
        const whole = answer.membersOmitted ? await members.soon(server, rules, join) : undefined;
        const layer = await importer.joined(server, rules, join, answer, whole);
        if (layer !== undefined) await members.later(layer);
      }),
    );
  }

  async knock(request: RemoteMembershipRequest): Promise<EventId> {
    const { peers, foreign } = this.#deps;
    return this.#withAny(request, async (server) => {
      const { rules, signed } = await this.#prepare('knock', server, request);
      const state = await peers.sendKnock(server, request.room, signed.eventId, signed.json);
      await foreign.remember(rules, readPdu(rules, signed.json, signed.eventId), state);
      return signed.eventId;
    });
  }

  /** Leaves with the help of a server in the room; if none answers, the user is out at least here. */
  async leave(request: RemoteMembershipRequest): Promise<void> {
    const { peers, foreign } = this.#deps;
    try {
      await this.#withAny(request, async (server) => {
        const { rules, signed } = await this.#prepare('leave', server, request);
        await peers.sendLeave(server, request.room, signed.eventId, signed.json);
        await foreign.follow(rules, readPdu(rules, signed.json, signed.eventId));
      });
    } catch {
      await this.#leaveAlone(request);
    }
  }

  async invite(event: Pdu, rules: RoomVersionRules, stripped: readonly JsonObject[]): Promise<JsonObject> {
    const user = event.stateKey;
    if (!isUserId(user)) throw new DomainError('invalid_param', 'Not a user id');
    const server = userIdServer(user);
    const state = await this.#inviteState(event, stripped);
    try {
      const answer = await this.#deps.peers.invite(server, event.roomId, event.eventId, {
        roomVersion: rules.version,
        event: event.json,
        state,
      });
      return withForeignSignatures(rules, event.json, event.eventId, answer);
    } catch (error) {
      throw asDomainError(error, `${server} did not take the invite`);
    }
  }

  async resolveAlias(
    alias: RoomAlias,
  ): Promise<{ readonly room: RoomId; readonly servers: readonly ServerName[] } | undefined> {
    const server = roomAliasServer(alias);
    try {
      const { room, servers } = await this.#deps.peers.resolveAlias(server, alias);
      return { room, servers: [...new Set([server, ...servers])] };
    } catch (error) {
      if (error instanceof RemoteError && error.status === 404) return undefined;
      throw asDomainError(error, 'The server of the alias could not be asked');
    }
  }

  /** Asks one server after the other until one helps. Throws what the last one said. */
  async #withAny<T>(
    { room, user, via }: RemoteMembershipRequest,
    attempt: (server: ServerName) => Promise<T>,
  ): Promise<T> {
    const servers = new Set(via);
    const membership = await this.#deps.foreign.membership(room, user);
    if (membership !== undefined) servers.add(userIdServer(membership.pdu.sender));
    servers.delete(this.#signer.server);
    let last: unknown;
    for (const server of [...servers].slice(0, MAX_SERVERS_TRIED)) {
      try {
        return await attempt(server);
      } catch (error) {
        last = error;
      }
    }
    throw asDomainError(last, 'No reachable server knows this room');
  }

  async #prepare(
    kind: 'join' | 'knock' | 'leave',
    server: ServerName,
    { room, user, content }: RemoteMembershipRequest,
  ): Promise<Prepared> {
    const template = await this.#deps.peers.make(kind, server, room, user, ROOM_VERSIONS);
    const rules = roomVersionRules(template.roomVersion);
    if (rules === undefined) {
      throw new DomainError('incompatible_room_version', 'This server does not know the room version', {
        fields: { room_version: template.roomVersion },
      });
    }
    const { event } = template;
    const authoriser = ownString(ownObject(event, 'content') ?? {}, 'join_authorised_via_users_server');
    const json: JsonObject = {
      ...(rules.eventIdFormat === 'domain' ? { event_id: event.event_id ?? '' } : {}),
      // What decides about the event is ours; where it stands in the room is for the other server to say.
      auth_events: event.auth_events ?? [],
      prev_events: event.prev_events ?? [],
      depth: event.depth ?? 1,
      room_id: room,
      type: EventType.Member,
      sender: user,
      state_key: user,
      content: {
        ...content,
        membership: kind,
        ...(authoriser === undefined ? {} : { join_authorised_via_users_server: authoriser }),
      },
      origin_server_ts: this.#deps.clock.now(),
    };
    const signed = signEvent(rules, json, this.#signer);
    const opened = openPdu(rules, signed.json);
    if ('field' in opened)
      throw new DomainError('bad_gateway', `The server's template has a bad ${opened.field}`);
    return { rules, signed };
  }

  async #leaveAlone({ room, user, content }: RemoteMembershipRequest): Promise<void> {
    const { rooms, foreign, clock } = this.#deps;
    const live = await rooms.find(room);
    const membership = await foreign.membership(room, user);
    if (live === undefined || membership === undefined) return;
    const { rules } = live.head;
    const { depth } = membership.pdu;
    const left: Membership = 'leave';
    const { json, eventId } = signEvent(
      rules,
      {
        ...(rules.eventIdFormat === 'domain' ? { event_id: `${membership.id}.left` } : {}),
        auth_events: [],
        prev_events: [],
        depth: depth + 1,
        room_id: room,
        type: EventType.Member,
        sender: user,
        state_key: user,
        content: { ...content, membership: left },
        origin_server_ts: clock.now(),
      },
      this.#signer,
    );
    await foreign.follow(rules, readPdu(rules, json, eventId));
  }

  /** What the invited user is shown, as whole events, so that their server can check them (from v1.16 on). */
  async #inviteState(event: Pdu, stripped: readonly JsonObject[]): Promise<readonly JsonObject[]> {
    const { rooms } = this.#deps;
    const live = await rooms.find(event.roomId);
    if (live === undefined) return stripped;
    const { state } = live.head;
    const ids = STRIPPED_STATE_TYPES.flatMap((type) => state.get(type, '') ?? []);
    const inviter = state.get(EventType.Member, event.sender);
    const events = await rooms.engine.events.getAll(inviter === undefined ? ids : [...ids, inviter]);
    return [...events.values()].map(({ pdu }) => pdu.json);
  }
}

/** Our event with the signatures that another server added; the rest of its answer is not looked at. */
function withForeignSignatures(
  rules: RoomVersionRules,
  json: JsonObject,
  eventId: EventId,
  answer: JsonObject | undefined,
): JsonObject {
  const opened = answer === undefined ? undefined : openPdu(rules, answer);
  if (opened === undefined || 'field' in opened || opened.pdu.eventId !== eventId) return json;
  let signed = json;
  for (const [server, keys] of Object.entries(ownObject(opened.received, 'signatures') ?? {})) {
    if (typeof keys !== 'object' || keys === null) continue;
    for (const [keyId, signature] of Object.entries(keys))
      if (typeof signature === 'string') signed = withSignature(signed, server, keyId, signature);
  }
  return signed;
}

/** What a user is told when another server refuses or fails. */
function asDomainError(error: unknown, fallback: string): DomainError {
  if (error instanceof DomainError) return error;
  if (error instanceof RemoteError && error.status === 403) {
    return new DomainError('forbidden', 'The other server refused', { cause: error });
  }
  if (error instanceof RemoteError && error.errcode === 'M_INCOMPATIBLE_ROOM_VERSION') {
    return new DomainError('incompatible_room_version', 'This server does not know the room version', {
      cause: error,
    });
  }
  return new DomainError('not_found', fallback, { cause: error });
}
