import type { Membership } from '@nyx/federation/spec/event-types.ts';
import { isRoomId, type RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import { DomainError } from '../errors.ts';
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

  constructor(rooms: RoomReads) {
    this.#rooms = rooms;
  }

  /** Throws `not_found` also for rooms that the user may not know of. */
  async describe(room: RoomId, user: string | undefined): Promise<DescribedRoom> {
    const live = await this.#rooms.find(room);
    const described = live === undefined ? undefined : await this.accessible(live, user);
    if (described === undefined) throw new DomainError('not_found', 'No such room that you may join');
    return described;
  }

  /** The room's summary if the user is in it, could join it or knock, or it can be read by all. */
  async accessible(live: LiveRoom, user: string | undefined): Promise<DescribedRoom | undefined> {
    const summary = await summarise(this.#rooms, live);
    const membership = user === undefined ? undefined : live.head.state.membership(user);
    const isOpen =
      summary.worldReadable ||
      summary.joinRule === 'public' ||
      summary.joinRule === 'knock' ||
      summary.joinRule === 'knock_restricted';
    if (isOpen || membership === 'join' || membership === 'invite') return { summary, membership };
    if (summary.joinRule !== 'restricted' || user === undefined) return undefined;
    for (const allowed of summary.allowedRooms) {
      const isMember = isRoomId(allowed) && (await this.#rooms.membership(allowed, user)) === 'join';
      if (isMember) return { summary, membership };
    }
    return undefined;
  }
}
