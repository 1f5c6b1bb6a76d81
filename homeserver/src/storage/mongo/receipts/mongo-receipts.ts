import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { mongo } from 'mongoose';
import type { Receipt, ReceiptStore, ReceiptType } from '../../../ports/receipt-store.ts';
import type { NamedIndex } from '../create-indexes.ts';
import { fenceIndexes } from '../stream-leases.ts';

export const RECEIPTS = 'receipts';

export const RECEIPT_INDEXES: readonly NamedIndex[] = [
  {
    name: 'receipt',
    key: { room: 1, user: 1, type: 1, thread: 1 },
    unique: true,
    partialFilterExpression: { room: { $exists: true } },
  },
  { name: 'receipt_user', key: { user: 1 } },
  { name: 'receipt_changes', key: { room: 1, position: 1 } },
  ...fenceIndexes('position'),
];

/** `thread` is null for unthreaded receipts. */
type Row = {
  room: RoomId;
  user: string;
  type: ReceiptType;
  thread: string | null;
  event: EventId;
  pos?: number;
  ts: number;
  position: number;
};

const toReceipt = ({ room, user, type, thread, event, pos, ts, position }: Row): Receipt => ({
  room,
  user,
  type,
  thread: thread ?? undefined,
  event,
  pos,
  ts,
  position,
});

/** Receipts in MongoDB. */
export class MongoReceipts implements ReceiptStore {
  readonly #rows: mongo.Collection<Row>;

  constructor(db: mongo.Db) {
    this.#rows = db.collection<Row>(RECEIPTS);
  }

  async put({ room, user, type, thread, event, pos, ts, position }: Receipt): Promise<void> {
    await this.#rows.updateOne(
      { room, user, type, thread: thread ?? null },
      { $set: { event, ts, position, ...(pos === undefined ? {} : { pos }) } },
      { upsert: true, hint: 'receipt' },
    );
  }

  async find(
    room: RoomId,
    user: string,
    type: ReceiptType,
    thread: string | undefined,
  ): Promise<Receipt | undefined> {
    const row = await this.#rows.findOne({ room, user, type, thread: thread ?? null }, { hint: 'receipt' });
    return row === null ? undefined : toReceipt(row);
  }

  async ofUser(user: string): Promise<Receipt[]> {
    return (await this.#rows.find({ user }).hint('receipt_user').toArray()).map(toReceipt);
  }

  async changed(rooms: readonly RoomId[], after: number, upTo: number): Promise<Receipt[]> {
    const rows = await this.#rows
      .find({ room: { $in: [...rooms] }, position: { $gt: after, $lte: upTo } })
      .hint('receipt_changes')
      .toArray();
    return rows.map(toReceipt);
  }
}
