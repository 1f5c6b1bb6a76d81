/**
 * The sending slot of a room: under which epoch, generation, salt and number we send next. A departure wipes it at
 * once, with everything prepared for the epoch that it belonged to; the next send makes a fresh epoch.
 */
import { jsonTable, type Table } from '../../vault/table.ts';
import type { Addition } from '../group/message.ts';
import { newestDeparture } from '../group/room-record.ts';
import type { Op } from './op.ts';
import { OUTBOX } from './requests.ts';
import { EPOCHS, ROOMS } from './tables.ts';

/** Epochs of a room that can still be in use: older ones are a week or a thousand messages old. */
export const RECENT_EPOCHS = 32;

export type SendingSlot = {
  readonly kid: string;
  readonly g: number;
  /** Base64. */
  readonly salt: string;
  readonly n: number;
  /** The run of the engine that made the salt: another run makes its own. */
  readonly boot: string;
  /** Additions not announced in a message yet. */
  readonly adds: readonly Addition[];
};
export const SENDING: Table<SendingSlot> = jsonTable('sending');

/** Devices an epoch's key still has to be sent to, in parts that fit one slice of work. */
export type SharePlan = {
  readonly roomId: string;
  readonly kid: string;
  readonly g: number;
  /** Made with the epoch: the parts follow in a slice of their own. */
  readonly unplanned?: true;
  /** Parts not yet visited: names in PLAN_PARTS. */
  readonly parts: readonly string[];
  /** Parts whose devices had no session and were claimed; visited last. */
  readonly unclaimed: readonly string[];
};
export const PLANS: Table<SharePlan> = jsonTable('share-plans');
/** `user|device` names. */
export const PLAN_PARTS: Table<readonly string[]> = jsonTable('share-plan-parts');

/** Ends sending under the room's epochs: nothing made from now on uses them. */
export function endSending(op: Op, roomId: string): void {
  const room = op.tx.get(ROOMS, roomId);
  if (room === undefined) return;
  const slot = op.tx.get(SENDING, roomId);
  if (slot !== undefined) {
    op.tx.delete(SENDING, roomId);
    op.memory.chains.dropWhere(`${slot.kid}|`);
  }
  if (room.sendingKid !== undefined) op.tx.put(ROOMS, roomId, { ...room, sendingKid: undefined });
  const newest = newestDeparture(room);
  for (const kid of room.epochs.slice(-RECENT_EPOCHS)) {
    const record = op.tx.get(EPOCHS, kid);
    // An epoch that leaves the departed out already is the one to go on with.
    const covers = record !== undefined && newest !== undefined && record.epoch.after === newest;
    if (record !== undefined && !covers && record.closedAt === undefined)
      op.tx.put(EPOCHS, kid, { ...record, closedAt: op.now });
  }
  dropPlan(op, roomId);
}

/** Forgets shares of a room that have not left yet. */
export function dropPlan(op: Op, roomId: string): void {
  const plan = op.tx.get(PLANS, roomId);
  if (plan === undefined) return;
  for (const part of [...plan.parts, ...plan.unclaimed]) op.tx.delete(PLAN_PARTS, part);
  op.tx.delete(PLANS, roomId);
  for (const [id, { purpose }] of op.tx.entries(OUTBOX))
    if (purpose.for === 'toDevice' && purpose.kid === plan.kid) op.tx.delete(OUTBOX, id);
}
