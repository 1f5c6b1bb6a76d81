const WINDOW_MS = 60_000;
/** Users that are remembered; the one who was silent longest is forgotten first. */
const MAX_USERS = 10_000;

type Said = { readonly text: string; readonly since: number; readonly times: number };

/** Counts how often users say the same thing in a minute. Memory of one process: a restart forgets it. */
export class Repeats {
  readonly #last = new Map<string, Said>();

  /** How often `user` has said `text` within the minute that began with its first time, this time included. */
  count(user: string, text: string, now: number): number {
    const before = this.#last.get(user);
    const isRepeat = before?.text === text && now - before.since < WINDOW_MS;
    const said: Said = isRepeat ? { ...before, times: before.times + 1 } : { text, since: now, times: 1 };
    this.#last.delete(user);
    this.#last.set(user, said);
    const [oldest] = this.#last.keys();
    if (this.#last.size > MAX_USERS && oldest !== undefined) this.#last.delete(oldest);
    return said.times;
  }
}
