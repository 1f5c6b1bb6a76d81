import type { Bus } from '../../ports/bus.ts';

const TOPIC = 'media.arrived';

/** Wakes those who wait for an announced upload. Only a hint: they look again by themselves too. */
export class Arrivals implements Disposable {
  readonly #bus: Bus;
  readonly #later: (run: () => void, milliseconds: number) => void;
  readonly #waiting = new Map<string, Set<() => void>>();
  readonly #subscription: Disposable;

  constructor(bus: Bus, later: (run: () => void, milliseconds: number) => void) {
    this.#bus = bus;
    this.#later = later;
    this.#subscription = bus.subscribe(TOPIC, (key) => {
      if (typeof key === 'string') this.#wake(key);
    });
  }

  /** Says that the upload of this name is there. */
  announce(key: string): void {
    this.#wake(key);
    this.#bus.publish(TOPIC, key);
  }

  /** Ends with the arrival, after the given time, or when the caller goes away. */
  wait(key: string, milliseconds: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const waiters = this.#waiting.get(key) ?? new Set();
      this.#waiting.set(key, waiters);
      const done = (): void => {
        waiters.delete(done);
        if (waiters.size === 0 && this.#waiting.get(key) === waiters) this.#waiting.delete(key);
        signal.removeEventListener('abort', done);
        resolve();
      };
      waiters.add(done);
      signal.addEventListener('abort', done);
      this.#later(done, milliseconds);
      if (signal.aborted) done();
    });
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]();
  }

  #wake(key: string): void {
    for (const done of [...(this.#waiting.get(key) ?? [])]) done();
  }
}
