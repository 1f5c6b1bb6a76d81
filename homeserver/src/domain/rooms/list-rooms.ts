import { EventType } from '@nyx/federation/spec/event-types.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { UserId } from '@nyx/federation/spec/identifiers/user-id.ts';
import type { PublicRoom } from '../../ports/room-directory.ts';
import { DomainError } from '../errors.ts';
import type { PublicRooms } from './public-rooms.ts';
import type { RoomReads } from './room-reads.ts';

export type ListRequest = {
  readonly search: string | undefined;
  readonly types: readonly (string | null)[] | undefined;
  readonly limit: number;
  readonly since: string | undefined;
};

export type RoomList = {
  readonly rooms: readonly PublicRoom[];
  readonly total: number;
  readonly next: string | undefined;
  readonly previous: string | undefined;
};

const TOKEN = /^p(\d{1,9})$/;

/** The public room list (spec: Client-Server API, listing rooms). */
export class ListRooms {
  readonly #rooms: RoomReads;
  readonly #publicRooms: PublicRooms;

  constructor(rooms: RoomReads, publicRooms: PublicRooms) {
    this.#rooms = rooms;
    this.#publicRooms = publicRooms;
  }

  /** Throws `invalid_param` for an unknown token. */
  async list({ search, types, limit, since }: ListRequest): Promise<RoomList> {
    const skip = since === undefined ? 0 : Number(TOKEN.exec(since)?.[1] ?? NaN);
    if (Number.isNaN(skip)) throw new DomainError('invalid_param', 'Unknown token');
    const { rooms, total } = await this.#publicRooms.search({ search, types, skip, limit });
    const end = skip + rooms.length;
    return {
      rooms,
      total,
      next: end < total && rooms.length > 0 ? `p${end}` : undefined,
      previous: skip > 0 ? `p${Math.max(0, skip - limit)}` : undefined,
    };
  }

  async isListed(room: RoomId): Promise<boolean> {
    await this.#rooms.require(room);
    return this.#publicRooms.isPublic(room);
  }

  /** Lists a room or takes it off the list. Needs the power to set the room's main alias. */
  async setListed(room: RoomId, user: UserId, isListed: boolean, isAdmin: boolean): Promise<void> {
    const live = await this.#rooms.require(room);
    const power = await this.#rooms.power(live);
    const isAllowed =
      live.head.state.membership(user) === 'join' &&
      power.ofUser(user) >= power.toSend(EventType.CanonicalAlias, true);
    if (!isAllowed && !isAdmin) throw new DomainError('forbidden', 'You may not list this room');
    if (isListed) await this.#publicRooms.publish(room);
    else await this.#publicRooms.unpublish(room);
  }
}
