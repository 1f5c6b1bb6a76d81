import type { JsonObject } from '@nyx/federation/json/value.ts';
import { isRoomId, type RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import { LRUCache } from 'lru-cache';
import type { Bus } from '../../ports/bus.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Notifier } from '../../ports/notifier.ts';
import type { StreamPositions } from '../../ports/stream-positions.ts';

/** Longest a user is shown as typing without saying so again. */
const MAX_TYPING_MS = 120_000;
/** Rooms and users per room of which is remembered who types. */
const MAX_ROOMS = 10_000;
const MAX_USERS = 200;
const TOPIC = 'typing';

type RoomTyping = { position: number; readonly until: Map<string, number> };

export type TypingDeps = {
  readonly positions: StreamPositions;
  readonly notifier: Notifier;
  readonly bus: Bus;
  readonly clock: Clock;
  /** Calls back once after so many milliseconds. */
  readonly later: (run: () => void, milliseconds: number) => void;
};

/** Told when a local user begins or stops to type: federation passes it on. */
export type TypingListener = (room: RoomId, user: string, typing: boolean) => void;

/** Who is typing where (spec: Client-Server API, typing notifications). Kept in memory: nobody misses it after a restart. */
export class Typing implements Disposable {
  readonly #deps: TypingDeps;
  readonly #rooms = new LRUCache<RoomId, RoomTyping>({ max: MAX_ROOMS });
  readonly #subscription: Disposable;
  readonly #listeners = new Set<TypingListener>();

  constructor(deps: TypingDeps) {
    this.#deps = deps;
    this.#subscription = deps.bus.subscribe(TOPIC, (payload) => this.#hear(payload));
  }

  /** Sets, for at most `timeout` milliseconds, or clears that a user types. */
  async set(room: RoomId, user: string, typing: boolean, timeout: number): Promise<void> {
    const { bus, clock, later } = this.#deps;
    const length = Math.min(Math.max(timeout, 0), MAX_TYPING_MS);
    const until = typing ? clock.now() + length : 0;
    const held = this.#rooms.get(room)?.until.get(user);
    const isChange = (held !== undefined && held > clock.now()) !== typing;
    this.#apply(room, user, until);
    bus.publish(TOPIC, { room, user, until });
    if (isChange) {
      await this.#stir(room);
      for (const listener of this.#listeners) listener(room, user, typing);
    }
    if (typing) later(() => void this.#expire(room, user), length + 1);
  }

  onTyping(listener: TypingListener): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** `m.typing` events of those of the rooms where it changed in (after, upTo]. */
  changed(
    rooms: Iterable<RoomId>,
    after: number,
    upTo: number,
    hidden: ReadonlySet<string> = new Set(),
  ): Map<RoomId, JsonObject> {
    const events = new Map<RoomId, JsonObject>();
    if (this.#rooms.size === 0) return events;
    const now = this.#deps.clock.now();
    for (const room of rooms) {
      const typing = this.#rooms.peek(room);
      if (typing === undefined || typing.position <= after || typing.position > upTo) continue;
      const users = [...typing.until]
        .filter(([user, until]) => until > now && !hidden.has(user))
        .map(([user]) => user);
      if (after === 0 && users.length === 0) continue;
      events.set(room, { type: 'm.typing', content: { user_ids: users } });
    }
    return events;
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]();
  }

  #apply(room: RoomId, user: string, until: number): void {
    const typing = this.#rooms.get(room) ?? { position: 0, until: new Map<string, number>() };
    this.#rooms.set(room, typing);
    if (until === 0) typing.until.delete(user);
    else if (typing.until.has(user) || typing.until.size < MAX_USERS) typing.until.set(user, until);
  }

  /** Gives the room's typing a new place in the stream, so that syncs tell it. */
  async #stir(room: RoomId): Promise<void> {
    const { positions, notifier } = this.#deps;
    try {
      await positions.write(1, ([position = 0]) => {
        const typing = this.#rooms.get(room);
        if (typing !== undefined) typing.position = position;
        notifier.publish([room], position);
        return Promise.resolve();
      });
    } catch {
      // Without a database nobody syncs, and typing is not worth an error of its own.
    }
  }

  async #expire(room: RoomId, user: string): Promise<void> {
    const until = this.#rooms.peek(room)?.until.get(user);
    if (until === undefined || until > this.#deps.clock.now()) return;
    this.#rooms.peek(room)?.until.delete(user);
    await this.#stir(room);
  }

  #hear(payload: unknown): void {
    if (typeof payload !== 'object' || payload === null) return;
    const { room, user, until } = payload as Record<string, unknown>;
    if (!isRoomId(room) || typeof user !== 'string' || typeof until !== 'number') return;
    const before = this.#rooms.peek(room)?.until.get(user) ?? 0;
    this.#apply(room, user, until);
    if (before > 0 !== until > 0) void this.#stir(room);
    if (until > 0) {
      this.#deps.later(() => void this.#expire(room, user), until - this.#deps.clock.now() + 1);
    }
  }
}
