/**
 * What came from a device before its owner's device list or the cross-signature on it did. The server sends nothing
 * twice, so it is kept, within bounds, and taken in when the list that explains it comes: a frame whose sender nobody
 * knows yet as it is, and what an opened frame held (its key is spent) together with the key that proved it.
 */
import { toHex } from '../primitives/bytes.ts';
import { jsonTable, type Table } from '../../vault/table.ts';
import type { Op } from './op.ts';
import type { InnerEvent } from './pairwise-channel.ts';

type StagedFrame = { readonly sender: string; readonly content: unknown; readonly at: number };
type StagedInner = {
  readonly sender: string;
  /** Ed25519 key of the device that the frame proved. */
  readonly device: string;
  readonly inner: InnerEvent;
  readonly at: number;
};
const FRAMES: Table<StagedFrame> = jsonTable('pending-frames');
const INNERS: Table<StagedInner> = jsonTable('pending-inner');

/** Kept per table. */
const MAX_STAGED = 500;
/** Kept per table from one user: who floods us loses their own oldest, and nobody else's. */
const MAX_STAGED_PER_USER = 50;
const LIFETIME_MS = 24 * 60 * 60 * 1000;

/** Keeps a frame of a device that is not in its owner's list yet. */
export function stageFrame(op: Op, sender: string, content: unknown): void {
  stage(op, FRAMES, { sender, content, at: op.now });
}

/** Keeps what a device said that is in its owner's list, and not signed by its owner yet. */
export function stageInner(op: Op, sender: string, device: string, inner: InnerEvent): void {
  stage(op, INNERS, { sender, device, inner, at: op.now });
}

function stage<T extends { readonly sender: string; readonly at: number }>(
  op: Op,
  table: Table<T>,
  kept: T,
): void {
  const live = dropOld(op, table);
  const own = live.filter(([, { sender }]) => sender === kept.sender);
  const [oldest] = own;
  if (own.length >= MAX_STAGED_PER_USER && oldest !== undefined) op.tx.delete(table, oldest[0]);
  else if (live.length >= MAX_STAGED) return;
  // Names sort by age, and within one moment by arrival.
  const name = `${op.now.toString().padStart(15, '0')}-${countOf(own.at(-1)?.[0], op)}-${toHex(op.random(6))}`;
  op.tx.put(table, name, kept);
}

/** Number of the next of this moment, after the newest name there is. */
function countOf(newest: string | undefined, op: Op): string {
  const [at, count] = newest?.split('-') ?? [];
  const next = Number(at) === op.now && count !== undefined ? Number.parseInt(count, 16) + 1 : 0;
  return next.toString(16).padStart(4, '0');
}

/** Entries that are not too old, oldest first; the others are deleted. */
function dropOld<T extends { readonly at: number }>(op: Op, table: Table<T>): [string, T][] {
  const live: [string, T][] = [];
  for (const [name, kept] of op.tx.entries(table))
    if (op.now - kept.at > LIFETIME_MS) op.tx.delete(table, name);
    else live.push([name, kept]);
  return live.sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Offers what was kept from a user, oldest first: what `take` answers true for is not kept any longer. */
export function retryFrames(op: Op, userId: string, take: (content: unknown) => boolean): void {
  for (const [name, { sender, content }] of dropOld(op, FRAMES))
    if (sender === userId && take(content)) op.tx.delete(FRAMES, name);
}

/** The same for what opened frames held; `device` is the Ed25519 key that proved it. */
export function retryInners(
  op: Op,
  userId: string,
  take: (device: string, inner: InnerEvent) => boolean,
): void {
  for (const [name, { sender, device, inner }] of dropOld(op, INNERS))
    if (sender === userId && take(device, inner)) op.tx.delete(INNERS, name);
}
