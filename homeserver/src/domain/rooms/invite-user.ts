import { EventType } from '@nyx/federation/spec/event-types.ts';
import { ownString, type JsonObject } from '@nyx/federation/json/value.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import { userIdServer, type UserId } from '@nyx/federation/spec/identifiers/user-id.ts';
import type { InvitePolicy } from '../../ports/invite-policy.ts';
import type { Logger } from '../../ports/logger.ts';
import type { ProfileLookup } from '../../ports/profile-lookup.ts';
import type { RemoteInvites } from './remote-invites.ts';
import { DomainError } from '../errors.ts';
import type { LocalEvents } from './local-events.ts';
import { memberContent } from './member-content.ts';
import type { RoomReads } from './room-reads.ts';

export type InviteRequest = {
  readonly room: RoomId;
  readonly sender: UserId;
  readonly target: UserId;
  readonly reason?: string | undefined;
  readonly isDirect?: boolean;
  /** Further keys of the member event's content, such as a client's signature of the invitation. */
  readonly extra?: JsonObject;
};

export type RedeemRequest = {
  readonly room: RoomId;
  readonly sender: UserId;
  readonly target: UserId;
  /** The identity server's proof that the invited address is the target's. */
  readonly signed: JsonObject;
};

export type InviteUserDeps = {
  readonly rooms: RoomReads;
  readonly local: LocalEvents;
  readonly profiles: ProfileLookup;
  readonly policy: InvitePolicy;
  readonly remote: RemoteInvites;
  readonly logger: Logger;
};

/** Invites users (spec: Client-Server API, POST invite). */
export class InviteUser {
  readonly #deps: InviteUserDeps;

  constructor(deps: InviteUserDeps) {
    this.#deps = deps;
  }

  /** Throws `forbidden` when the room's rules do not allow it, `invite_blocked` when the target does not want it. */
  async invite({ room, sender, target, reason, isDirect, extra }: InviteRequest): Promise<void> {
    const { rooms, local, profiles, policy, remote } = this.#deps;
    const live = await rooms.requireJoined(room, sender);
    const membership = live.head.state.membership(target);
    if (membership === 'join' || membership === 'ban') {
      throw new DomainError(
        'forbidden',
        membership === 'ban' ? 'The user is banned' : 'The user is in the room',
      );
    }
    const more: JsonObject = { ...extra, ...(isDirect === true ? { is_direct: true } : {}) };
    if (userIdServer(target) !== userIdServer(sender)) {
      const content = memberContent('invite', { reason, more });
      await remote.invite(room, { type: EventType.Member, sender, stateKey: target, content });
      return;
    }
    if (!(await policy.allows(target, sender, room))) {
      throw new DomainError('invite_blocked', 'This user does not take invites from you');
    }
    const profile = await profiles.memberProfile(target);
    const content = memberContent('invite', { profile, reason, more });
    await local.append(room, { type: EventType.Member, sender, stateKey: target, content });
  }

  /**
   * Turns an invite to an address into that of the user whom an identity server's proof names. Throws `forbidden` when
   * the room has no such invite, the proof does not hold, or the user is in the room already.
   */
  async redeem({ room, sender, target, signed }: RedeemRequest): Promise<void> {
    const { rooms, local, policy, remote } = this.#deps;
    const live = await rooms.require(room);
    const membership = live.head.state.membership(target);
    if (membership === 'invite') return;
    if (membership === 'join' || membership === 'ban') {
      throw new DomainError('forbidden', 'The user is in the room, or banned from it');
    }
    const token = ownString(signed, 'token') ?? '';
    const invitation = await rooms.stateEvent(live.head.state, 'm.room.third_party_invite', token);
    if (invitation === undefined) throw new DomainError('forbidden', 'There is no such third-party invite');
    const name = ownString(invitation.pdu.content, 'display_name') ?? '';
    const more: JsonObject = { third_party_invite: { display_name: name, signed } };
    const content = memberContent('invite', { more });
    const request = { type: EventType.Member, sender, stateKey: target, content };
    if (userIdServer(target) !== userIdServer(sender)) {
      await remote.invite(room, request);
      return;
    }
    if (!(await policy.allows(target, sender, room))) {
      throw new DomainError('invite_blocked', 'This user does not take invites from you');
    }
    await local.append(room, request);
  }

  /** Invites, and only logs it when that fails: one guest's absence does not undo a new room. */
  async tryInvite(request: InviteRequest): Promise<void> {
    try {
      await this.invite(request);
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      this.#deps.logger.warn({ room: request.room, code: error.code }, 'could not invite to a new room');
    }
  }
}
