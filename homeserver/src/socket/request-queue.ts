import { MAX_RUNNING, MAX_WAITING } from './limits.ts';

type Task = { readonly lane: string | undefined; readonly run: () => Promise<void> };

/** Runs a connection's requests: several at once, those of one lane one after another. */
export class RequestQueue {
  readonly #waiting: Task[] = [];
  readonly #busy = new Set<string>();
  #running = 0;

  /** False when too many wait already. `run` must not throw. */
  add(lane: string | undefined, run: () => Promise<void>): boolean {
    if (this.#waiting.length >= MAX_WAITING) return false;
    this.#waiting.push({ lane, run });
    this.#next();
    return true;
  }

  /** What has not begun never will. */
  clear(): void {
    this.#waiting.length = 0;
  }

  #next(): void {
    while (this.#running < MAX_RUNNING) {
      const index = this.#waiting.findIndex(({ lane }) => lane === undefined || !this.#busy.has(lane));
      const [task] = index < 0 ? [] : this.#waiting.splice(index, 1);
      if (task === undefined) return;
      void this.#start(task);
    }
  }

  async #start({ lane, run }: Task): Promise<void> {
    this.#running += 1;
    if (lane !== undefined) this.#busy.add(lane);
    try {
      await run();
    } finally {
      this.#running -= 1;
      if (lane !== undefined) this.#busy.delete(lane);
      this.#next();
    }
  }
}
