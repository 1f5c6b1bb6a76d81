import type { PeerApi } from '@nyx/federation/http/peer-api.ts';
import type { JsonObject } from '@nyx/federation/json/value.ts';
import { EventType } from '@nyx/federation/spec/event-types.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { ServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import { userIdServer, type UserId } from '@nyx/federation/spec/identifiers/user-id.ts';
import type { Logger } from '../../ports/logger.ts';
import { DomainError } from '../errors.ts';
import type { InviteUser } from '../rooms/invite-user.ts';
import type { RoomReads } from '../rooms/room-reads.ts';
import type { RoomAccess } from './room-access.ts';

/** An invite to an address that now belongs to a user. */
export type RedeemedInvite = {
  readonly room: RoomId;
  /** Who sent the `m.room.third_party_invite`. */
  readonly sender: UserId;
  readonly target: UserId;
  /** The identity server's proof, as it came. */
  readonly signed: JsonObject;
};

export type ThirdPartyInvitesDeps = {
  readonly rooms: RoomReads;
  readonly access: RoomAccess;
  readonly invites: InviteUser;
  readonly peers: PeerApi;
  readonly logger: Logger;
  /** Whether an account of this server may be invited: it exists and is active. */
  readonly isActive: (user: UserId) => Promise<boolean>;
};

/** Turns invites to e-mail addresses into invites of users (spec: Server-Server API, Third-party invites). */
export class ThirdPartyInvites {
  readonly #deps: ThirdPartyInvitesDeps;
  readonly #server: ServerName;

  constructor(deps: ThirdPartyInvitesDeps, server: ServerName) {
    this.#deps = deps;
    this.#server = server;
  }

  /**
   * An address was bound to a user of ours: asks for what it was invited to. Whoever says so need not be believed: the
   * room's rules check the proof. An invite that cannot be redeemed does not stand in the way of the others.
   */
  async onBind(user: UserId, invites: readonly RedeemedInvite[]): Promise<void> {
    if (userIdServer(user) !== this.#server || !(await this.#deps.isActive(user))) return;
    for (const invite of invites) {
      if (invite.target !== user || invite.signed.mxid !== user) continue;
      try {
        await this.#redeem(invite);
      } catch (error) {
        const { room } = invite;
        this.#deps.logger.info({ room, err: error }, 'could not redeem a third-party invite');
      }
    }
  }

  /**
   * Another server's user redeems an invite that a user of ours made. Throws `not_found` for a room that we are not in,
   * `forbidden` where the proof does not hold.
   */
  async exchange(origin: ServerName, invite: RedeemedInvite): Promise<void> {
    const { access, invites } = this.#deps;
    await access.open(invite.room, origin);
    if (userIdServer(invite.target) !== origin) {
      throw new DomainError('forbidden', 'The invited user is not of your server');
    }
    if (userIdServer(invite.sender) !== this.#server) {
      throw new DomainError('forbidden', 'The invite was not made by a user of this server');
    }
    await invites.redeem(invite);
  }

  async #redeem(invite: RedeemedInvite): Promise<void> {
    const { invites, peers, rooms } = this.#deps;
    const { room, sender, target, signed } = invite;
    const maker = userIdServer(sender);
    if (maker === this.#server) {
      await rooms.require(room);
      await invites.redeem(invite);
      return;
    }
    await peers.exchangeThirdPartyInvite(maker, room, {
      type: EventType.Member,
      room_id: room,
      sender,
      state_key: target,
      content: { membership: 'invite', third_party_invite: { display_name: target, signed } },
    });
  }
}
