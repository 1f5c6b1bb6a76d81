import { LRUCache } from 'lru-cache';
import type { Notifier } from '../../ports/notifier.ts';

/** Keys about which is remembered that nothing happened. */
const MAX_KEYS = 20_000;

type Quiet = {
  /** Nothing happened after this position, unless `stirred`. */
  since: number | undefined;
  /** The notifier called: something may have happened. */
  stirred: boolean;
  readonly listening: Disposable;
};

/**
 * Remembers for notifier keys since when nothing happened, so that a sync does not ask the database each time for what
 * seldom changes. Whoever changes something publishes its key; a lost message is made up for by a spurious one.
 */
export class QuietKeys implements Disposable {
  readonly #notifier: Notifier;
  readonly #keys = new LRUCache<string, Quiet>({
    max: MAX_KEYS,
    dispose: (quiet) => quiet.listening[Symbol.dispose](),
  });

  constructor(notifier: Notifier) {
    this.#notifier = notifier;
  }

  /**
   * The result of `ask` for (after, upTo], or `nothing` when it is known to be that without asking.
   * @param key what is published when there is news.
   * @param of which kind of news about the key is asked for.
   */
  async ask<T>(
    key: string,
    of: string,
    after: number,
    upTo: number,
    question: { readonly nothing: T; isNothing(answer: T): boolean; ask(): Promise<T> },
  ): Promise<T> {
    const quiet = this.#quiet(key, of);
    if (!quiet.stirred && quiet.since !== undefined && after >= quiet.since) return question.nothing;
    quiet.stirred = false;
    const answer = await question.ask();
    quiet.since = question.isNothing(answer) ? Math.min(after, quiet.since ?? after) : upTo;
    return answer;
  }

  [Symbol.dispose](): void {
    this.#keys.clear();
  }

  #quiet(key: string, of: string): Quiet {
    const name = `${of} ${key}`;
    const held = this.#keys.get(name);
    if (held !== undefined) return held;
    const listening = this.#notifier.listen([key], () => {
      quiet.stirred = true;
    });
    const quiet: Quiet = { since: undefined, stirred: false, listening };
    this.#keys.set(name, quiet);
    return quiet;
  }
}
