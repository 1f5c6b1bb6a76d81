import type { JsonObject } from '@nyx/federation/json/value.ts';
import { EventType } from '@nyx/federation/spec/event-types.ts';
import { isRoomId, type RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { ServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import { userIdServer, type UserId } from '@nyx/federation/spec/identifiers/user-id.ts';
import type { ProfileLookup } from '../../ports/profile-lookup.ts';
import type { PluginHooks } from '../../ports/plugin-hooks.ts';
import type { RemoteRooms } from '../../ports/remote-rooms.ts';
import { DomainError } from '../errors.ts';
import type { LiveRoom } from '../events/room-heads.ts';
import type { LocalEvents } from './local-events.ts';
import { memberContent } from './member-content.ts';
import type { RoomReads } from './room-reads.ts';
import { summarise } from './room-summary.ts';

export type JoinRequest = {
  readonly room: RoomId;
  readonly user: UserId;
  /** Servers that may help, besides those that are known. */
  readonly via: readonly ServerName[];
  readonly reason?: string | undefined;
  /** A third-party invite's signed proof. */
  readonly thirdPartySigned?: JsonObject | undefined;
  /** What the client adds to the member event: its device's signature on the join. */
  readonly extra?: JsonObject;
};

export type JoinRoomDeps = {
  readonly rooms: RoomReads;
  readonly local: LocalEvents;
  readonly profiles: ProfileLookup;
  readonly remote: RemoteRooms;
  readonly server: ServerName;
  readonly plugins: PluginHooks;
};

/** Users whose power to invite is looked at when a restricted join needs somebody to authorise it. */
const MAX_AUTHORISER_CANDIDATES = 10_000;

/** Joins local users to rooms, directly or through another server (spec: Client-Server API, POST join). */
export class JoinRoom {
  readonly #deps: JoinRoomDeps;

  constructor(deps: JoinRoomDeps) {
    this.#deps = deps;
  }

  /** Throws `forbidden`, or `not_found` when no server knows the room. */
  async join(request: JoinRequest): Promise<void> {
    const { rooms, profiles, remote, local, server, plugins } = this.#deps;
    const { room, user, via, reason, thirdPartySigned, extra = {} } = request;
    const live = await rooms.find(room);
    if (live?.head.state.membership(user) === 'join') return;
    await plugins.check('checkJoin', () => ({ roomId: room, userId: user }));
    const profile = await profiles.memberProfile(user);
    const more: JsonObject =
      thirdPartySigned === undefined
        ? extra
        : { ...extra, third_party_invite: { display_name: '', signed: thirdPartySigned } };
    const content = memberContent('join', { profile, reason, more });
    if (!live?.tally.servers.has(server)) {
      await remote.join({ room, user, via: await this.#servers(live, user, via), content });
      return;
    }
    const restricted = await this.#restriction(live, user);
    if (restricted?.authoriser === null) {
      await remote.join({ room, user, via: [...live.tally.servers.keys()].filter(isServer), content });
      return;
    }
    const authorised: JsonObject =
      restricted === undefined ? {} : { join_authorised_via_users_server: restricted.authoriser };
    await local.append(room, {
      type: EventType.Member,
      sender: user,
      stateKey: user,
      content: { ...content, ...authorised },
    });
  }

  /** Who may help: the servers given, those in the room as far as it is known, and whoever invited the user. */
  async #servers(
    live: LiveRoom | undefined,
    user: UserId,
    via: readonly ServerName[],
  ): Promise<ServerName[]> {
    const servers = new Set<ServerName>(via);
    if (live !== undefined) {
      const invite = await this.#deps.rooms.stateEvent(live.head.state, EventType.Member, user);
      if (invite !== undefined && invite.pdu.sender !== user) servers.add(userIdServer(invite.pdu.sender));
      for (const server of live.tally.servers.keys()) if (isServer(server)) servers.add(server);
    }
    servers.delete(this.#deps.server);
    return [...servers];
  }

  /**
   * For a restricted room that the user is not invited to: who authorises the join, or null if nobody of this server
   * can. Throws `forbidden` when no rule lets the user in.
   */
  async #restriction(live: LiveRoom, user: UserId): Promise<{ authoriser: UserId | null } | undefined> {
    const { rooms } = this.#deps;
    const { state, rules } = live.head;
    if (!rules.auth.restrictedJoins || state.membership(user) === 'invite') return undefined;
    const { joinRule, allowedRooms } = await summarise(rooms, live);
    if (joinRule !== 'restricted' && joinRule !== 'knock_restricted') return undefined;
    if (!(await this.#isInAny(allowedRooms, user))) {
      throw new DomainError('forbidden', 'You belong to none of the rooms whose members may join');
    }
    const power = await rooms.power(live);
    const needed = power.level('invite');
    let seen = 0;
    for (const [member, membership] of state.members()) {
      if (++seen > MAX_AUTHORISER_CANDIDATES) break;
      if (membership !== 'join' || !member.endsWith(`:${this.#deps.server}`)) continue;
      // Joined members have valid user ids: their events were checked.
      if (power.ofUser(member) >= needed) return { authoriser: member as UserId };
    }
    return { authoriser: null };
  }

  async #isInAny(candidates: readonly string[], user: UserId): Promise<boolean> {
    for (const room of candidates) {
      if (isRoomId(room) && (await this.#deps.rooms.membership(room, user)) === 'join') return true;
    }
    return false;
  }
}

// Servers of joined members come out of checked user ids.
const isServer = (name: string): name is ServerName => name !== '';
