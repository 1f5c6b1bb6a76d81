import { isSignedOut } from '../api/result.ts';
import type { ApiError, Result } from '../api/result.ts';
import type { SyncResponse } from '../api/sync.ts';

/** What the page shows about the connection. */
export type SyncState =
  | { kind: 'starting' }
  | { kind: 'live' }
  /** Last try failed; the next one is at `retryAt` (ms). */
  | { kind: 'offline'; error: ApiError; retryAt: number }
  | { kind: 'signed-out'; soft: boolean }
  | { kind: 'stopped' };

export type SyncLoopPorts = {
  /** One /sync; `since` undefined is the first. */
  fetch: (since: string | undefined, waitMs: number, signal: AbortSignal) => Promise<Result<SyncResponse>>;
  /** Stores and shows a response. Rejects when it could not be stored: the same token is then asked for again. */
  take: (response: SyncResponse) => Promise<void>;
  loadToken: () => Promise<string | undefined>;
  onState: (state: SyncState) => void;
  now: () => number;
  /** Resolves after `ms`, or at once when the network comes back or the loop stops. */
  pause: (ms: number, signal: AbortSignal) => Promise<void>;
  random: () => number;
  /** A response that could not be stored: reported, never swallowed. */
  onFault: (error: unknown) => void;
};

const longPollMs = 30_000;
const firstBackoffMs = 1_000;
const maxBackoffMs = 60_000;

/** Wait before try number `failures` + 1: exponential with full jitter on the upper half. */
export const backoffMs = (failures: number, random: number): number => {
  const ceiling = Math.min(maxBackoffMs, firstBackoffMs * 2 ** Math.min(failures - 1, 10));
  return ceiling / 2 + (ceiling / 2) * random;
};

/**
 * The sync loop: ask, store, show, ask again. Ends only when `signal` aborts or the session is over. A response is
 * taken before its token is used, so a crash between the two repeats it, and storing twice changes nothing.
 */
export const runSyncLoop = async (ports: SyncLoopPorts, signal: AbortSignal): Promise<void> => {
  ports.onState({ kind: 'starting' });
  let since = await ports.loadToken();
  let failures = 0;
  let live = false;
  // A function, so that the type checker does not take an earlier look for the truth.
  const stopped = (): boolean => signal.aborted;
  while (!stopped()) {
    // The first round answers at once, so that the page knows early whether the server is there.
    const answer = await ports.fetch(since, live ? longPollMs : 0, signal);
    if (stopped()) break;
    if (answer.ok) {
      try {
        await ports.take(answer.value);
      } catch (error) {
        ports.onFault(error);
        failures += 1;
        await ports.pause(backoffMs(failures, ports.random()), signal);
        continue;
      }
      since = answer.value.next_batch;
      failures = 0;
      if (!live) ports.onState({ kind: 'live' });
      live = true;
      continue;
    }
    if (isSignedOut(answer.error)) {
      ports.onState({ kind: 'signed-out', soft: answer.error.body.soft_logout === true });
      return;
    }
    live = false;
    failures += 1;
    const wait = answer.error.retryAfterMs ?? backoffMs(failures, ports.random());
    ports.onState({ kind: 'offline', error: answer.error, retryAt: ports.now() + wait });
    await ports.pause(Math.min(wait, maxBackoffMs), signal);
  }
  ports.onState({ kind: 'stopped' });
};
