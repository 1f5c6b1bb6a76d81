import type { Membership } from '@nyx/federation/spec/event-types.ts';
import { isRoomId, type RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import { DomainError } from '../errors.ts';
import type { ServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import type { RemoteSpaces } from '../../ports/remote-spaces.ts';
import type { LiveRoom } from '../events/room-heads.ts';
import type { RoomReads } from './room-reads.ts';
import { summarise, type RoomSummary } from './room-summary.ts';

export type DescribedRoom = {
  readonly summary: RoomSummary;
  readonly membership: Membership | undefined;
};

/** Tells of rooms to those who could join them (spec: Client-Server API, room summaries, space hierarchy). */
export class DescribeRoom {
  readonly #rooms: RoomReads;
  readonly #remote: RemoteSpaces;
  readonly #server: ServerName;

  constructor(rooms: RoomReads, remote: RemoteSpaces, server: ServerName) {
    this.#rooms = rooms;
    this.#remote = remote;
    this.#server = server;
  }

  /**
   * Throws `not_found` also for rooms that the user may not know of.
   *
   * @param via servers that may know a room that this one is not in
   */
  async describe(
    room: RoomId,
    user: string | undefined,
    via: readonly ServerName[] = [],
  ): Promise<DescribedRoom> {
    const live = await this.#rooms.find(room);
    const isHere = live?.tally.servers.has(this.#server) === true;
    const remote = isHere || via.length === 0 ? undefined : await this.#remote.look(room, via, false);
    if (remote !== undefined) {
      const membership = user === undefined ? undefined : live?.head.state.membership(user);
      const { summary } = remote;
      if (await this.mayKnow(summary, membership, user)) return { summary, membership };
    }
    const described = live === undefined ? undefined : await this.accessible(live, user);
    if (described === undefined) throw new DomainError('not_found', 'No such room that you may join');
    return described;
  }

  /** The room's summary if the user is in it, could join it or knock, or it can be read by all. */
  async accessible(live: LiveRoom, user: string | undefined): Promise<DescribedRoom | undefined> {
    const summary = await summarise(this.#rooms, live);
    const membership = user === undefined ? undefined : live.head.state.membership(user);
    return (await this.mayKnow(summary, membership, user)) ? { summary, membership } : undefined;
  }

  /** Whether a user in that relation to a room may be told of it. */
  async mayKnow(
    summary: RoomSummary,
    membership: Membership | undefined,
    user: string | undefined,
  ): Promise<boolean> {
    const isOpen =
      summary.worldReadable ||
      summary.joinRule === 'public' ||
      summary.joinRule === 'knock' ||
      summary.joinRule === 'knock_restricted';
    if (isOpen || membership === 'join' || membership === 'invite') return true;
    if (summary.joinRule !== 'restricted' || user === undefined) return false;
    for (const allowed of summary.allowedRooms)
      if (isRoomId(allowed) && (await this.#rooms.membership(allowed, user)) === 'join') return true;
    return false;
  }
}
