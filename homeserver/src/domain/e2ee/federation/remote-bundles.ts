import type { ClaimedKeys } from '../../../ports/remote-keys.ts';

/** Answers to claims of bundles that other servers gave. */
export interface RemoteAnswers {
  find(id: string): Promise<ClaimedKeys | undefined>;
  /** Keeps an answer for as long as the claim may be repeated. */
  put(id: string, keys: ClaimedKeys): Promise<void>;
}

/**
 * Claims bundles of other servers once per transaction id. Servers that know claims of bundles recognise a repeat
 * themselves; with the others, who take two standard claims, a repeat would burn two keys more.
 */
export class RemoteBundles {
  readonly #answers: RemoteAnswers;
  /** Claims under way; a client that lost its patience repeats them while they run. */
  readonly #running = new Map<string, Promise<ClaimedKeys>>();

  constructor(answers: RemoteAnswers) {
    this.#answers = answers;
  }

  once(id: string, claim: () => Promise<ClaimedKeys>): Promise<ClaimedKeys> {
    const running = this.#running.get(id);
    if (running !== undefined) return running;
    const answer = this.#claim(id, claim).finally(() => this.#running.delete(id));
    this.#running.set(id, answer);
    return answer;
  }

  async #claim(id: string, claim: () => Promise<ClaimedKeys>): Promise<ClaimedKeys> {
    const earlier = await this.#answers.find(id);
    if (earlier !== undefined) return earlier;
    const keys = await claim();
    // An empty answer spent nothing: the next try may find more.
    if (keys.size > 0) await this.#answers.put(id, keys);
    return keys;
  }
}
