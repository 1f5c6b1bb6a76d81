import { EventType } from '@nyx/federation/spec/event-types.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import { LRUCache } from 'lru-cache';
import type { IgnoredUsers } from '../../ports/ignored-users.ts';
import type { PushRules } from '../../ports/push-rules.ts';
import type { Receipt } from '../../ports/receipt-store.ts';
import type { UnreadCount, UnreadSource } from '../../ports/sync-sources.ts';
import type { LiveRoom } from '../events/room-heads.ts';
import type { StoredEvent } from '../events/stored-event.ts';
import { pushEvent, pushRoomFor } from '../push-rules/push-room.ts';
import { MAIN_THREAD, threadOf } from '../receipts/has-read.ts';
import type { Receipts } from '../receipts/receipts.ts';
import type { RoomReads } from '../rooms/room-reads.ts';

/** Events looked at behind a user's read marker: beyond that, a count tells nothing any more. */
const MAX_LOOKED_AT = 500;
/** (user, room) pairs whose counts are kept. */
const MAX_PAIRS = 20_000;
/** An event that counts until it is read. */
type Notable = {
  readonly pos: number;
  readonly thread: string;
  readonly sender: string;
  readonly highlight: boolean;
};

type Tally = {
  /** Room position up to which events were looked at. */
  upTo: number;
  notable: Notable[];
  /** Position of the user's own newest event in each thread: sending is reading. */
  readonly own: Map<string, number>;
};

/**
 * Notification counts (spec: Client-Server API, receiving notifications). Counted when a user asks, and from where the
 * last count ended: sending costs nothing per member, and users who are away cost nothing at all.
 */
export class UnreadCounts implements UnreadSource {
  readonly #rooms: RoomReads;
  readonly #receipts: Receipts;
  readonly #rules: PushRules;
  readonly #ignored: IgnoredUsers;
  readonly #tallies = new LRUCache<string, Tally>({ max: MAX_PAIRS });

  constructor(rooms: RoomReads, receipts: Receipts, rules: PushRules, ignored: IgnoredUsers) {
    this.#rooms = rooms;
    this.#receipts = receipts;
    this.#rules = rules;
    this.#ignored = ignored;
  }

  async counts(
    user: string,
    room: RoomId,
  ): Promise<{ readonly main: UnreadCount; readonly threads: ReadonlyMap<string, UnreadCount> }> {
    const live = await this.#rooms.find(room);
    if (live?.head.state.membership(user) !== 'join') return { main: NONE, threads: new Map() };
    const receipts = (await this.#receipts.ofUser(user)).get(room) ?? [];
    const tally = await this.#tally(user, live, receipts);
    const ignored = await this.#ignored.ignoredBy(user);
    const counts = new Map<string, { notifications: number; highlights: number }>();
    for (const { pos, thread, sender, highlight } of tally.notable) {
      if (pos <= readUpTo(receipts, tally, thread) || ignored.has(sender)) continue;
      const count = counts.get(thread) ?? { notifications: 0, highlights: 0 };
      count.notifications++;
      if (highlight) count.highlights++;
      counts.set(thread, count);
    }
    const main = counts.get(MAIN_THREAD) ?? NONE;
    counts.delete(MAIN_THREAD);
    return { main, threads: counts };
  }

  async #tally(user: string, live: LiveRoom, receipts: readonly Receipt[]): Promise<Tally> {
    const key = `${user} ${live.head.room}`;
    const tally = this.#tallies.get(key) ?? { upTo: 0, notable: [], own: new Map<string, number>() };
    this.#tallies.set(key, tally);
    const newest = live.head.pos;
    if (tally.upTo >= newest) return tally;
    const everythingRead = Math.max(0, ...receipts.filter((each) => each.thread === undefined).map(posOf));
    const events = await this.#unseen(live, user, Math.max(tally.upTo, everythingRead));
    await this.#judge(user, live, tally, events);
    tally.upTo = newest;
    tally.notable = tally.notable
      .filter(({ pos, thread }) => pos > readUpTo(receipts, tally, thread))
      .slice(-MAX_LOOKED_AT);
    return tally;
  }

  /** Events above a position since the user joined, oldest first. */
  async #unseen(live: LiveRoom, user: string, above: number): Promise<StoredEvent[]> {
    const { engine } = this.#rooms;
    const member = await this.#rooms.stateEvent(live.head.state, EventType.Member, user);
    const to = Math.max(above, await this.#joinedAt(member));
    const { room, pos } = live.head;
    const page = await engine.events.page({
      room,
      direction: 'backward',
      from: pos + 1,
      to,
      limit: MAX_LOOKED_AT,
    });
    return page.toReversed();
  }

  /** Position at which the user last came in. */
  async #joinedAt(member: StoredEvent | undefined): Promise<number> {
    let joined = member;
    for (let step = 0; step < MAX_RENAMES && joined?.replaces !== undefined; step++) {
      const before = await this.#rooms.engine.events.get(joined.replaces);
      if (before?.pdu.content.membership !== 'join') break;
      joined = before;
    }
    return joined?.pos ?? 0;
  }

  async #judge(user: string, live: LiveRoom, tally: Tally, events: readonly StoredEvent[]): Promise<void> {
    if (events.length === 0) return;
    const evaluate = await this.#rules.evaluator(user);
    const room = await pushRoomFor(this.#rooms, live, user);
    for (const event of events) {
      const { pdu, pos, redactedBy } = event;
      if (pos === undefined) continue;
      const thread = threadOf(event);
      if (pdu.sender === user) {
        tally.own.set(thread, pos);
        continue;
      }
      if (redactedBy !== undefined) continue;
      const verdict = evaluate(pushEvent(event), room(pdu.sender));
      if (verdict.notify)
        tally.notable.push({ pos, thread, sender: pdu.sender, highlight: verdict.highlight });
    }
  }
}

const NONE: UnreadCount = { notifications: 0, highlights: 0 };
/** Member events of one stay (renamings) that are walked back through to find its beginning. */
const MAX_RENAMES = 50;

const posOf = (receipt: Receipt): number => receipt.pos ?? 0;

/** Room position up to which the user has read a thread: by a receipt for it or for all, or by sending into it. */
function readUpTo(receipts: readonly Receipt[], { own }: Tally, thread: string): number {
  let read = own.get(thread) ?? 0;
  for (const receipt of receipts) {
    if (receipt.thread === undefined || receipt.thread === thread) read = Math.max(read, posOf(receipt));
  }
  return read;
}
