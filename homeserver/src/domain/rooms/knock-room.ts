import { EventType } from '@nyx/federation/spec/event-types.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { ServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import type { UserId } from '@nyx/federation/spec/identifiers/user-id.ts';
import type { ProfileLookup } from '../../ports/profile-lookup.ts';
import type { RemoteRooms } from '../../ports/remote-rooms.ts';
import type { LocalEvents } from './local-events.ts';
import { memberContent } from './member-content.ts';
import type { RoomReads } from './room-reads.ts';

export type KnockRequest = {
  readonly room: RoomId;
  readonly user: UserId;
  readonly via: readonly ServerName[];
  readonly reason?: string | undefined;
};

/** Knocks on rooms (spec: Client-Server API, POST knock). */
export class KnockRoom {
  readonly #rooms: RoomReads;
  readonly #local: LocalEvents;
  readonly #profiles: ProfileLookup;
  readonly #remote: RemoteRooms;
  readonly #server: ServerName;

  constructor(
    rooms: RoomReads,
    local: LocalEvents,
    profiles: ProfileLookup,
    remote: RemoteRooms,
    server: ServerName,
  ) {
    this.#rooms = rooms;
    this.#local = local;
    this.#profiles = profiles;
    this.#remote = remote;
    this.#server = server;
  }

  /** Throws `forbidden` where the join rules do not allow knocking, or the user is in, invited or banned. */
  async knock({ room, user, via, reason }: KnockRequest): Promise<void> {
    const live = await this.#rooms.find(room);
    const profile = await this.#profiles.memberProfile(user);
    const content = memberContent('knock', { profile, reason });
    if (live?.tally.servers.has(this.#server) === true) {
      await this.#local.append(room, { type: EventType.Member, sender: user, stateKey: user, content });
    } else {
      await this.#remote.knock({ room, user, via, content });
    }
  }
}
