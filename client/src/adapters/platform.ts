/** The browser's clock, randomness and waiting, behind one small object that tests replace. */
export interface Platform {
  /** Milliseconds since the epoch. */
  now(): number;
  /** 0 <= x < 1. Never for secrets. */
  random(): number;
  /** Unguessable id, url-safe. */
  newId(): string;
  /** Resolves after `ms`, when the network comes back, or when the signal aborts: whatever is first. */
  pause(ms: number, signal: AbortSignal): Promise<void>;
  /** Runs after `ms`; answers how to call it off. */
  after(ms: number, run: () => void): () => void;
  /** Hears `back` when the network or the screen comes back, and `gone` when the network goes. */
  onNetwork(listener: (change: 'back' | 'gone') => void): () => void;
  /** Reports a fault nobody can act on: for the developer's console. */
  report(error: unknown): void;
}

export const browserPlatform: Platform = {
  now: () => Date.now(),
  random: () => Math.random(),
  newId: () => crypto.randomUUID(),
  pause: (ms, signal) =>
    new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        removeEventListener('online', done);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      addEventListener('online', done);
      signal.addEventListener('abort', done);
      if (signal.aborted) done();
    }),
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
  onNetwork: (listener) => {
    const stop = new AbortController();
    const { signal } = stop;
    addEventListener('online', () => listener('back'), { signal });
    addEventListener('offline', () => listener('gone'), { signal });
    document.addEventListener(
      'visibilitychange',
      () => {
        if (document.visibilityState === 'visible') listener('back');
      },
      { signal },
    );
    return () => stop.abort();
  },
  report: (error) => console.error(error),
};
