import { EventType, type Membership } from '@nyx/federation/spec/event-types.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { UserId } from '@nyx/federation/spec/identifiers/user-id.ts';
import { DomainError } from '../errors.ts';
import type { LocalEvents } from './local-events.ts';
import { memberContent } from './member-content.ts';
import type { RoomReads } from './room-reads.ts';

export type ModerationRequest = {
  readonly room: RoomId;
  readonly sender: UserId;
  readonly target: UserId;
  readonly reason?: string | undefined;
};

/** Kicks, bans and lifts bans (spec: Client-Server API, leaving rooms, banning users). */
export class ModerateMember {
  readonly #rooms: RoomReads;
  readonly #local: LocalEvents;

  constructor(rooms: RoomReads, local: LocalEvents) {
    this.#rooms = rooms;
    this.#local = local;
  }

  /** Throws `forbidden` also when there is nobody to kick. */
  async kick(request: ModerationRequest): Promise<void> {
    await this.#set(request, 'leave', (membership) => {
      if (membership === undefined || membership === 'leave' || membership === 'ban') {
        throw new DomainError('forbidden', 'The user is not in the room');
      }
    });
  }

  async ban(request: ModerationRequest): Promise<void> {
    await this.#set(request, 'ban', () => undefined);
  }

  async unban(request: ModerationRequest): Promise<void> {
    await this.#set(request, 'leave', (membership) => {
      if (membership !== 'ban') throw new DomainError('bad_state', 'The user is not banned');
    });
  }

  async #set(
    { room, sender, target, reason }: ModerationRequest,
    membership: Membership,
    check: (current: Membership | undefined) => void,
  ): Promise<void> {
    await this.#rooms.requireJoined(room, sender);
    const content = memberContent(membership, { reason });
    const request = { type: EventType.Member, sender, stateKey: target, content };
    await this.#local.append(room, request, (tip) => check(tip.state.membership(target)));
  }
}
