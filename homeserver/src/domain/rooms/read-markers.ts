import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import { FULLY_READ_TYPE, type AccountData } from '../accounts/account-data.ts';
import { DomainError } from '../errors.ts';
import { relationOf } from '../events/stored-event.ts';
import type { Receipts } from '../receipts/receipts.ts';
import type { ReceiptType } from '../../ports/receipt-store.ts';
import type { RoomReads } from './room-reads.ts';

/** Receipts and the fully-read marker of local users (spec: Client-Server API, receipts, read markers). */
export class ReadMarkers {
  readonly #rooms: RoomReads;
  readonly #receipts: Receipts;
  readonly #accountData: AccountData;

  constructor(rooms: RoomReads, receipts: Receipts, accountData: AccountData) {
    this.#rooms = rooms;
    this.#receipts = receipts;
    this.#accountData = accountData;
  }

  /** Throws `forbidden`; `invalid_param` for a thread that the event is not in. */
  async receipt(
    room: RoomId,
    user: string,
    type: ReceiptType,
    event: EventId,
    thread: string | undefined,
  ): Promise<void> {
    await this.#rooms.requireJoined(room, user);
    await this.#checkThread(room, event, thread);
    await this.#receipts.set({ room, user, type, event, thread });
  }

  async fullyRead(room: RoomId, user: string, event: EventId): Promise<void> {
    await this.#rooms.requireJoined(room, user);
    await this.#accountData.set(user, room, FULLY_READ_TYPE, { event_id: event });
  }

  async #checkThread(room: RoomId, id: EventId, thread: string | undefined): Promise<void> {
    if (thread === undefined) return;
    const event = await this.#rooms.engine.events.get(id);
    if (event?.room !== room) return;
    const relation = relationOf(event.pdu);
    const own = relation?.relType === 'm.thread' ? relation.target : undefined;
    // An event outside threads may be read as part of the main timeline, or as the root of its thread. Others that
    // relate to an event of a thread (reactions, edits) belong where that one does.
    if (thread === own || thread === id) return;
    if (own === undefined && (thread === 'main' || relation !== undefined)) return;
    throw new DomainError('invalid_param', 'The event is not in that thread');
  }
}
