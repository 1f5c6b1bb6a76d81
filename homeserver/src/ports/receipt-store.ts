import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';

/** Kinds of receipts (spec: Client-Server API, receipts). */
export type ReceiptType = 'm.read' | 'm.read.private';

/** How far a user has read a room, or one of its threads. */
export type Receipt = {
  readonly room: RoomId;
  readonly user: string;
  readonly type: ReceiptType;
  /** `main`, a thread's root, or undefined for an unthreaded receipt. */
  readonly thread: string | undefined;
  readonly event: EventId;
  /** Room position of the event; undefined if the event is not known here. */
  readonly pos: number | undefined;
  /** Milliseconds since the epoch. */
  readonly ts: number;
  /** Stream position of the change. */
  readonly position: number;
};

/** Receipts, one for each user, room, kind and thread. */
export interface ReceiptStore {
  put(receipt: Receipt): Promise<void>;
  find(
    room: RoomId,
    user: string,
    type: ReceiptType,
    thread: string | undefined,
  ): Promise<Receipt | undefined>;
  /** All of a user. */
  ofUser(user: string): Promise<Receipt[]>;
  /** Of some rooms, changed in (after, upTo]. */
  changed(rooms: readonly RoomId[], after: number, upTo: number): Promise<Receipt[]>;
}
