import { LRUCache } from 'lru-cache';
import type { Requester } from '../../ports/authenticator.ts';

/** A token's session as it was read last. */
export type CachedSession = {
  readonly requester: Requester;
  /** Milliseconds since the epoch; undefined for never. */
  readonly expiresAt: number | undefined;
  readonly refreshable: boolean;
};

const MAX_SESSIONS = 20_000;

/**
 * Sessions by token hash. Whoever changes a session or its user forgets the user here, in every process. What was read
 * before somebody was forgotten is not remembered after.
 */
export class SessionCache {
  readonly #byHash = new LRUCache<string, CachedSession>({
    max: MAX_SESSIONS,
    dispose: (session, hash) => this.#unlink(session.requester.userId, hash),
  });
  readonly #byUser = new Map<string, Set<string>>();
  #epoch = 0;

  get size(): number {
    return this.#byHash.size;
  }

  /** To be taken before the session is read from the database. */
  epoch(): number {
    return this.#epoch;
  }

  get(hash: string): CachedSession | undefined {
    return this.#byHash.get(hash);
  }

  /** Remembers a session that was read at `epoch`, for at most `ttlMs`. */
  set(hash: string, session: CachedSession, epoch: number, ttlMs: number): void {
    if (epoch !== this.#epoch) return;
    this.#byHash.set(hash, session, { ttl: ttlMs });
    const { userId } = session.requester;
    const hashes = this.#byUser.get(userId) ?? new Set();
    this.#byUser.set(userId, hashes);
    hashes.add(hash);
  }

  forgetUser(userId: string): void {
    this.#epoch += 1;
    for (const hash of this.#byUser.get(userId) ?? []) this.#byHash.delete(hash);
  }

  clear(): void {
    this.#epoch += 1;
    this.#byHash.clear();
    this.#byUser.clear();
  }

  #unlink(userId: string, hash: string): void {
    const hashes = this.#byUser.get(userId);
    hashes?.delete(hash);
    if (hashes?.size === 0) this.#byUser.delete(userId);
  }
}
