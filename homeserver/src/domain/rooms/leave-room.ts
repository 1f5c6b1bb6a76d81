import { EventType } from '@nyx/federation/spec/event-types.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { ServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import { userIdServer, type UserId } from '@nyx/federation/spec/identifiers/user-id.ts';
import type { RemoteRooms } from '../../ports/remote-rooms.ts';
import { DomainError } from '../errors.ts';
import type { LocalEvents } from './local-events.ts';
import { memberContent } from './member-content.ts';
import type { RoomReads } from './room-reads.ts';

export type LeaveRequest = {
  readonly room: RoomId;
  readonly user: UserId;
  readonly reason?: string | undefined;
};

/** Takes local users out of rooms: leaving, rejecting an invite, withdrawing a knock (spec: POST leave). */
export class LeaveRoom {
  readonly #rooms: RoomReads;
  readonly #local: LocalEvents;
  readonly #remote: RemoteRooms;
  readonly #server: ServerName;

  constructor(rooms: RoomReads, local: LocalEvents, remote: RemoteRooms, server: ServerName) {
    this.#rooms = rooms;
    this.#local = local;
    this.#remote = remote;
    this.#server = server;
  }

  /** Leaving a room that one has left already changes nothing. Throws `forbidden` for a room one was never in. */
  async leave({ room, user, reason }: LeaveRequest): Promise<void> {
    const live = await this.#rooms.find(room);
    const membership = live?.head.state.membership(user);
    if (live === undefined || membership === undefined) {
      throw new DomainError('forbidden', 'You are not in this room');
    }
    if (membership === 'leave') return;
    const content = memberContent('leave', { reason });
    if (live.tally.servers.has(this.#server)) {
      await this.#local.append(room, { type: EventType.Member, sender: user, stateKey: user, content });
      return;
    }
    const invite = await this.#rooms.stateEvent(live.head.state, EventType.Member, user);
    const inviter =
      invite === undefined || invite.pdu.sender === user ? [] : [userIdServer(invite.pdu.sender)];
    await this.#remote.leave({ room, user, via: inviter, content });
  }
}
