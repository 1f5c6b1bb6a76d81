import { z } from 'zod';
import type { Bus } from '../ports/bus.ts';
import type { Notifier, NotifierSubscription } from '../ports/notifier.ts';
import type { StreamPositions } from '../ports/stream-positions.ts';

const TOPIC = 'wake';
const wakeSchema = z.object({ keys: z.array(z.string()), position: z.number() });

/**
 * Wakes local listeners directly and other processes' over the bus. A wake-up whose position the low-water mark has
 * not reached yet is kept until it has. After a gap in the bus everybody is woken once: better a look in vain than a
 * message that waits for the next one.
 */
export class StreamNotifier implements Notifier, Disposable {
  readonly #bus: Bus;
  readonly #stream: Pick<StreamPositions, 'mark' | 'onAdvance'>;
  readonly #listeners = new Map<string, Set<() => void>>();
  /** Wake-ups ahead of the mark, by position. */
  readonly #pending = new Map<number, Set<string>>();
  readonly #subscriptions: Disposable[];

  constructor(bus: Bus, stream: Pick<StreamPositions, 'mark' | 'onAdvance'>) {
    this.#bus = bus;
    this.#stream = stream;
    this.#subscriptions = [
      bus.subscribe(TOPIC, (payload) => {
        const { keys, position } = wakeSchema.parse(payload);
        this.#wakeAt(keys, position);
      }),
      bus.onConnectionChange(() => this.#wakeAll()),
      stream.onAdvance((mark) => this.#advance(mark)),
    ];
  }

  publish(keys: readonly string[], position: number): void {
    this.#wakeAt(keys, position);
    this.#bus.publish(TOPIC, { keys, position });
  }

  wake(keys: Iterable<string>): void {
    const called = new Set<() => void>();
    for (const key of keys) for (const listener of this.#listeners.get(key) ?? []) called.add(listener);
    for (const listener of called) listener();
  }

  listen(keys: Iterable<string>, listener: () => void): NotifierSubscription {
    const mine = new Set<string>();
    const add = (more: Iterable<string>): void => {
      for (const key of more) {
        mine.add(key);
        const listeners = this.#listeners.get(key) ?? new Set();
        this.#listeners.set(key, listeners);
        listeners.add(listener);
      }
    };
    add(keys);
    return {
      add,
      [Symbol.dispose]: () => {
        for (const key of mine) {
          const listeners = this.#listeners.get(key);
          listeners?.delete(listener);
          if (listeners?.size === 0) this.#listeners.delete(key);
        }
      },
    };
  }

  [Symbol.dispose](): void {
    for (const subscription of this.#subscriptions) subscription[Symbol.dispose]();
    this.#listeners.clear();
    this.#pending.clear();
  }

  #wakeAt(keys: Iterable<string>, position: number): void {
    if (position <= this.#stream.mark()) {
      this.wake(keys);
      return;
    }
    const waiting = this.#pending.get(position) ?? new Set();
    this.#pending.set(position, waiting);
    for (const key of keys) waiting.add(key);
  }

  #advance(mark: number): void {
    for (const [position, keys] of this.#pending) {
      if (position > mark) continue;
      this.#pending.delete(position);
      this.wake(keys);
    }
    // Without the bus, the advancing mark is the only sign of what other processes did.
    if (!this.#bus.connected) this.#wakeAll();
  }

  #wakeAll(): void {
    this.wake([...this.#listeners.keys()]);
  }
}
