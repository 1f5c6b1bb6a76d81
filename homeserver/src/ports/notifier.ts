/**
 * Wakes whoever waits for news: long-polling syncs, sockets, other processes. Keys are free-form and short:
 * a room id, a user id, `device:<user>:<device>`.
 */
export interface Notifier {
  /**
   * Tells that something about `keys` was committed at stream position `position`. Listeners are called once the
   * low-water mark has reached it, so that what woke them can be read at once: synchronously when it already has.
   */
  publish(keys: readonly string[], position: number): void;
  /** Calls the listeners of this process at once, for news that can be read already. */
  wake(keys: Iterable<string>): void;
  /** Calls `listener` on news about any of `keys`. A missed message is made up for by a spurious call. */
  listen(keys: Iterable<string>, listener: () => void): NotifierSubscription;
}

export interface NotifierSubscription extends Disposable {
  /** Also listens for these. */
  add(keys: Iterable<string>): void;
}
