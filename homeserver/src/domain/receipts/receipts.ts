import type { JsonObject } from '@nyx/federation/json/value.ts';
import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import { isRoomId, type RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import { LRUCache } from 'lru-cache';
import type { Bus } from '../../ports/bus.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Notifier } from '../../ports/notifier.ts';
import type { Receipt, ReceiptStore, ReceiptType } from '../../ports/receipt-store.ts';
import type { StreamPositions } from '../../ports/stream-positions.ts';
import type { EventCache } from '../events/event-cache.ts';

export type ReceiptsDeps = {
  readonly store: ReceiptStore;
  readonly positions: StreamPositions;
  readonly notifier: Notifier;
  readonly bus: Bus;
  readonly events: EventCache;
  readonly clock: Clock;
};

export type NewReceipt = {
  readonly room: RoomId;
  readonly user: string;
  readonly type: ReceiptType;
  readonly thread: string | undefined;
  readonly event: EventId;
  /** Given by another server; now when not. */
  readonly ts?: number;
};

/** Rooms of which is remembered when a receipt last changed. */
const MAX_ROOMS = 20_000;
/** Users whose receipts are kept in memory. */
const MAX_USERS = 2_000;
const TOPIC = 'receipts';

/** Told of receipts of local users that others may see: federation passes them on. */
export type ReceiptListener = (receipt: Receipt) => void;

/** Read receipts (spec: Client-Server API, receipts). */
export class Receipts implements Disposable {
  readonly #deps: ReceiptsDeps;
  readonly #latest = new LRUCache<RoomId, number>({ max: MAX_ROOMS });
  readonly #users = new LRUCache<string, Promise<Map<RoomId, Receipt[]>>>({ max: MAX_USERS });
  readonly #listeners = new Set<ReceiptListener>();
  readonly #subscription: Disposable;

  constructor(deps: ReceiptsDeps) {
    this.#deps = deps;
    this.#subscription = deps.bus.subscribe(TOPIC, (payload) => this.#hear(payload));
  }

  /** Sets a receipt unless the user's receipt is further already. False when it is. */
  async set(receipt: NewReceipt): Promise<boolean> {
    const { store, positions, notifier, events, clock, bus } = this.#deps;
    const { room, user, type, thread } = receipt;
    const event = await events.get(receipt.event);
    const pos = event?.room === room ? event.pos : undefined;
    const current = await store.find(room, user, type, thread);
    if (current?.event === receipt.event) return false;
    if (current?.pos !== undefined && pos !== undefined && current.pos >= pos) return false;
    const stored = await positions.write(1, async ([position = 0]) => {
      const next: Receipt = {
        room,
        user,
        type,
        thread,
        event: receipt.event,
        pos,
        ts: receipt.ts ?? clock.now(),
        position,
      };
      await store.put(next);
      return next;
    });
    this.#users.delete(user);
    bus.publish(TOPIC, { room, user });
    this.#latest.set(room, Math.max(stored.position, this.#latest.get(room) ?? 0));
    // A private receipt is news to its own user alone.
    notifier.publish([type === 'm.read.private' ? user : room], stored.position);
    for (const listener of this.#listeners) listener(stored);
    return true;
  }

  onReceipt(listener: ReceiptListener): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** A user's receipts by room; kept in memory for users who are around. */
  async ofUser(user: string): Promise<ReadonlyMap<RoomId, readonly Receipt[]>> {
    const held = this.#users.get(user);
    if (held !== undefined) return held;
    const load = this.#load(user);
    this.#users.set(user, load);
    load.catch(() => this.#users.delete(user));
    return load;
  }

  async #load(user: string): Promise<Map<RoomId, Receipt[]>> {
    const byRoom = new Map<RoomId, Receipt[]>();
    for (const receipt of await this.#deps.store.ofUser(user)) {
      const receipts = byRoom.get(receipt.room);
      if (receipts === undefined) byRoom.set(receipt.room, [receipt]);
      else receipts.push(receipt);
    }
    return byRoom;
  }

  /** What another process did is read again from the store. */
  #hear(payload: unknown): void {
    if (typeof payload !== 'object' || payload === null) return;
    const { room, user } = payload as Record<string, unknown>;
    if (isRoomId(room)) this.#latest.delete(room);
    if (typeof user === 'string') this.#users.delete(user);
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]();
  }

  /** `m.receipt` events of those of the rooms that have news for the user. */
  async changed(
    user: string,
    rooms: readonly RoomId[],
    after: number,
    upTo: number,
  ): Promise<Map<RoomId, JsonObject>> {
    const candidates = rooms.filter((room) => (this.#latest.get(room) ?? Infinity) > after);
    const found = new Map<RoomId, Receipt[]>();
    if (candidates.length === 0) return new Map();
    for (const receipt of await this.#deps.store.changed(candidates, after, upTo)) {
      if (receipt.type === 'm.read.private' && receipt.user !== user) continue;
      found.set(receipt.room, [...(found.get(receipt.room) ?? []), receipt]);
    }
    for (const room of candidates)
      if (!found.has(room) && !this.#latest.has(room)) this.#latest.set(room, after);
    return new Map([...found].map(([room, receipts]) => [room, receiptEvent(receipts)]));
  }
}

/** Spec: Client-Server API, m.receipt. */
export function receiptEvent(receipts: readonly Receipt[]): JsonObject {
  const content: Record<string, Record<string, Record<string, JsonObject>>> = {};
  for (const { event, type, user, ts, thread } of receipts) {
    const users = ((content[event] ??= {})[type] ??= {});
    // There is room for one: that for all threads says more than that for one of them.
    const held = users[user];
    if (held !== undefined && !('thread_id' in held)) continue;
    users[user] = { ts, ...(thread === undefined ? {} : { thread_id: thread }) };
  }
  return { type: 'm.receipt', content };
}
