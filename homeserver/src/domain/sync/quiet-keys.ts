import { LRUCache } from 'lru-cache';
import type { Notifier } from '../../ports/notifier.ts';

/** Keys about which is remembered that nothing happened. */
const MAX_KEYS = 20_000;

type Quiet = {
  /** Nothing happened in (from, to]; undefined before the first answer. */
  checked: { readonly from: number; readonly to: number } | undefined;
  /** The stream's mark when the notifier last called: what it told of lies at or below. */
  stirredAt: number;
  readonly listening: Disposable;
};

/**
 * Remembers for notifier keys since when nothing happened, so that a sync does not ask the database each time for what
 * seldom changes. Whoever changes something publishes its key; a lost message is made up for by a spurious one. Several
 * syncs may ask about one key at once, with different bounds: what one was told says nothing to the others.
 */
export class QuietKeys implements Disposable {
  readonly #notifier: Notifier;
  readonly #mark: () => number;
  readonly #keys = new LRUCache<string, Quiet>({
    max: MAX_KEYS,
    dispose: (quiet) => quiet.listening[Symbol.dispose](),
  });

  /** @param mark the stream's low-water mark. */
  constructor(notifier: Notifier, mark: () => number) {
    this.#notifier = notifier;
    this.#mark = mark;
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
    const { checked } = quiet;
    if (checked !== undefined && after >= checked.from && quiet.stirredAt <= checked.to) {
      return question.nothing;
    }
    const answer = await question.ask();
    // What was told beyond `upTo`, or while this was asked, stays to be asked for: the call left a higher mark.
    const from = question.isNothing(answer) ? after : upTo;
    if (quiet.checked === undefined || upTo >= quiet.checked.to) quiet.checked = { from, to: upTo };
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
      quiet.stirredAt = this.#mark();
    });
    // What was committed before anybody listened counts as told just now.
    const quiet: Quiet = { checked: undefined, stirredAt: this.#mark(), listening };
    this.#keys.set(name, quiet);
    return quiet;
  }
}
