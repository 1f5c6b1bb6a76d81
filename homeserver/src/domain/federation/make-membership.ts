import { draftToJson } from '@nyx/federation/events/builder.ts';
import { selectAuthEvents } from '@nyx/federation/auth/select-auth-events.ts';
import { authorise } from '@nyx/federation/auth/authorise.ts';
import { describeDecision } from '@nyx/federation/auth/decision.ts';
import { readPdu } from '@nyx/federation/events/pdu.ts';
import type { JsonObject } from '@nyx/federation/json/value.ts';
import { EventType, type Membership } from '@nyx/federation/spec/event-types.ts';
import { isEventId, type EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { ServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import { userIdServer, type UserId } from '@nyx/federation/spec/identifiers/user-id.ts';
import { sha256Base64Url } from '@nyx/federation/events/hash.ts';
import type { Clock } from '../../ports/clock.ts';
import { DomainError } from '../errors.ts';
import { authLookup } from '../events/authorise.ts';
import type { LiveRoom } from '../events/room-heads.ts';
import type { RoomReads } from '../rooms/room-reads.ts';
import type { RestrictedJoins } from './restricted-joins.ts';
import type { RoomAccess } from './room-access.ts';

/** A membership event for another server to complete and sign. */
export type Template = { readonly room_version: string; readonly event: JsonObject };

const MAX_PREV_EVENTS = 10;

/** Makes templates of membership events for users of other servers (spec: Server-Server API, Joining Rooms). */
export class MakeMembership {
  readonly #rooms: RoomReads;
  readonly #access: RoomAccess;
  readonly #restricted: RestrictedJoins;
  readonly #clock: Clock;
  readonly #server: ServerName;

  constructor(
    rooms: RoomReads,
    access: RoomAccess,
    restricted: RestrictedJoins,
    clock: Clock,
    server: ServerName,
  ) {
    this.#rooms = rooms;
    this.#access = access;
    this.#restricted = restricted;
    this.#clock = clock;
    this.#server = server;
  }

  /**
   * Throws `not_found` for a room that this server is not in, `forbidden` where the rules keep the user out,
   * `incompatible_room_version` when the other server does not know the room's version.
   *
   * @param versions the room versions that the other server supports
   */
  async make(
    origin: ServerName,
    room: RoomId,
    user: UserId,
    membership: Extract<Membership, 'join' | 'knock' | 'leave'>,
    versions: readonly string[],
  ): Promise<Template> {
    if (userIdServer(user) !== origin) throw new DomainError('forbidden', 'The user is not of your server');
    await this.#access.open(room, origin);
    const live = await this.#access.whole(room);
    const { rules } = live.head;
    if (membership !== 'leave' && !versions.includes(rules.version)) {
      throw new DomainError('incompatible_room_version', 'Your server does not support this room version', {
        fields: { room_version: rules.version },
      });
    }
    const authoriser = membership === 'join' ? await this.#restricted.authoriser(live, user) : undefined;
    const content: JsonObject = {
      membership,
      ...(authoriser === undefined ? {} : { join_authorised_via_users_server: authoriser }),
    };
    const event = await this.#draft(live, user, content);
    await this.#requireAllowed(live, event);
    return { room_version: rules.version, event: { ...event, origin: this.#server } };
  }

  async #draft(live: LiveRoom, user: UserId, content: JsonObject): Promise<JsonObject> {
    const { head } = live;
    const subject = { type: EventType.Member, sender: user, stateKey: user, content };
    const legacy = head.rules.eventIdFormat === 'domain' ? await this.#legacy(user) : undefined;
    return draftToJson(head.rules, {
      ...subject,
      roomId: head.room,
      prevEvents: head.extremities.slice(0, MAX_PREV_EVENTS),
      authEvents: selectAuthEvents(head.rules, subject, (type, key) => head.state.get(type, key)),
      depth: head.depth + 1,
      originServerTs: this.#clock.now(),
      legacy,
    });
  }

  async #legacy(user: UserId) {
    const eventId = `$${sha256Base64Url(`${user} ${this.#clock.now()}`).slice(0, 18)}:${userIdServer(user)}`;
    if (!isEventId(eventId)) throw new DomainError('internal', 'made a malformed event id');
    // Reference hashes beside ids are required by the format of versions 1 and 2 and checked by nobody.
    return { eventId, referenceHash: (id: EventId) => sha256Base64Url(id) };
  }

  async #requireAllowed(live: LiveRoom, event: JsonObject): Promise<void> {
    const { rules, state } = live.head;
    const id = `$${'A'.repeat(43)}`;
    if (!isEventId(id)) throw new DomainError('internal', 'made a malformed event id');
    const pdu = readPdu(rules, event, id);
    const lookup = await authLookup(rules, pdu, state, this.#rooms.engine.events);
    const decision = authorise(rules, pdu, lookup);
    if (!decision.allowed) throw new DomainError('forbidden', describeDecision(decision));
  }
}
