import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { ServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import { DomainError } from '../errors.ts';
import type { LiveRoom } from '../events/room-heads.ts';
import { wholeRoom } from '../events/whole-room.ts';
import type { RoomReads } from '../rooms/room-reads.ts';
import { isAllowedByAcl } from './server-acl.ts';

/** Which servers may do something in a room. */
export class RoomAccess {
  readonly #rooms: RoomReads;
  readonly #server: ServerName;

  constructor(rooms: RoomReads, server: ServerName) {
    this.#rooms = rooms;
    this.#server = server;
  }

  /** A room that this server takes part in. Throws `not_found`. */
  async ours(room: RoomId): Promise<LiveRoom> {
    const live = await this.#rooms.find(room);
    if (live === undefined || !this.isOurs(live)) {
      throw new DomainError('not_found', 'This server is not in the room');
    }
    return live;
  }

  /** Whether this server takes part in a room, rather than knowing it by an invite or a knock alone. */
  isOurs(live: LiveRoom): boolean {
    return live.tally.servers.has(this.#server);
  }

  /** A room of ours with all of its members. Throws `not_found`, `partial_state`. */
  async whole(room: RoomId): Promise<LiveRoom> {
    const live = await wholeRoom(this.#rooms.engine.heads, room);
    return live ?? this.ours(room);
  }

  /** Whether the room's ACL lets the server in. */
  async passesAcl(live: LiveRoom, origin: ServerName): Promise<boolean> {
    const acl = await this.#rooms.stateEvent(live.head.state, 'm.room.server_acl', '');
    return acl === undefined || isAllowedByAcl(acl.pdu.content, origin);
  }

  /** A room of ours that the ACL lets the server into. Throws `not_found`, `forbidden`. */
  async open(room: RoomId, origin: ServerName): Promise<LiveRoom> {
    const live = await this.ours(room);
    if (!(await this.passesAcl(live, origin))) {
      throw new DomainError('forbidden', 'Your server is banned from the room');
    }
    return live;
  }

  /** A room of ours that the other server is in too. Throws `not_found`, `forbidden`. */
  async shared(room: RoomId, origin: ServerName): Promise<LiveRoom> {
    await this.open(room, origin);
    const live = await this.whole(room);
    if (!live.tally.servers.has(origin)) throw new DomainError('forbidden', 'Your server is not in the room');
    return live;
  }
}
