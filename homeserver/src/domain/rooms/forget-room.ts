import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import { DomainError } from '../errors.ts';
import type { ForgottenRooms } from '../../ports/forgotten-rooms.ts';
import type { UserRooms } from './user-rooms.ts';

/** Rooms that users no longer want to hear of (spec: Client-Server API, POST forget). */
export class ForgetRoom {
  readonly #userRooms: UserRooms;
  readonly #forgotten: ForgottenRooms;

  constructor(userRooms: UserRooms, forgotten: ForgottenRooms) {
    this.#userRooms = userRooms;
    this.#forgotten = forgotten;
  }

  /** Throws `unknown_client_error` while the user is still in the room. */
  async forget(room: RoomId, user: string): Promise<void> {
    const row = (await this.#userRooms.of(user)).get(room);
    if (row === undefined) throw new DomainError('not_found', 'You were never in this room');
    if (row.membership === 'join' || row.membership === 'invite' || row.membership === 'knock') {
      throw new DomainError('unknown_client_error', 'Leave the room before you forget it');
    }
    await this.#forgotten.add(user, room, row.eventId);
    this.#userRooms.forget(user, room, row.eventId);
  }
}
