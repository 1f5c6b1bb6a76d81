import type { Bus } from '../../ports/bus.ts';
import type { Clock } from '../../ports/clock.ts';
import type { PusherStore } from '../../ports/pushers.ts';

const TOPIC = 'pushers';
/** Changes this much older than the last look are read again: clocks of processes differ. */
const OVERLAP_MS = 60_000;

/**
 * Who has pushers at all, in memory: looked up for every member of a room with every event. Somebody who has none any
 * more may stay in it; that costs one look-up in the store.
 */
export class PusherUsers implements Disposable {
  readonly #store: PusherStore;
  readonly #bus: Bus;
  readonly #clock: Clock;
  readonly #users = new Set<string>();
  readonly #subscription: Disposable;
  #lookedAt: number | undefined;

  constructor(store: PusherStore, bus: Bus, clock: Clock) {
    this.#store = store;
    this.#bus = bus;
    this.#clock = clock;
    this.#subscription = bus.subscribe(TOPIC, (user) => {
      if (typeof user === 'string') this.#users.add(user);
    });
  }

  get size(): number {
    return this.#users.size;
  }

  has(user: string): boolean {
    return this.#users.has(user);
  }

  [Symbol.iterator](): Iterator<string> {
    return this.#users[Symbol.iterator]();
  }

  /** A user of this process' set a pusher. */
  add(user: string): void {
    this.#users.add(user);
    this.#bus.publish(TOPIC, user);
  }

  /** Reads who has pushers, or what changed since the last time: messages between processes may get lost. */
  async refresh(): Promise<void> {
    const now = this.#clock.now();
    const since = this.#lookedAt === undefined ? undefined : this.#lookedAt - OVERLAP_MS;
    for (const user of await this.#store.users(since)) this.#users.add(user);
    this.#lookedAt = now;
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]();
  }
}
