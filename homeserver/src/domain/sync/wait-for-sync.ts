import type { UserId } from '@nyx/federation/spec/identifiers/user-id.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Notifier } from '../../ports/notifier.ts';
import type { StreamPositions } from '../../ports/stream-positions.ts';
import type { EventEngine } from '../events/event-engine.ts';
import type { UserRooms } from '../rooms/user-rooms.ts';
import type { ComputeSync } from './compute-sync.ts';
import type { SyncFilter } from './sync-filter.ts';
import { hasNews, type SyncResponse } from './sync-response.ts';
import { parseSyncToken, type SyncPlace } from './sync-token.ts';

export type SyncRequest = {
  readonly user: UserId;
  readonly device: string;
  readonly since: string | undefined;
  readonly filter: SyncFilter;
  readonly fullState: boolean;
  readonly useStateAfter: boolean;
  /** How long to wait for news, in milliseconds. */
  readonly timeout: number;
  readonly signal: AbortSignal;
};

/** Longest a client may make the server wait. */
const MAX_TIMEOUT_MS = 120_000;

export type WaitForSyncDeps = {
  readonly engine: EventEngine;
  readonly userRooms: UserRooms;
  readonly compute: ComputeSync;
  readonly notifier: Notifier;
  readonly positions: StreamPositions;
  readonly clock: Clock;
};

/** Notifier key of what concerns one device alone: messages to it, its stock of keys. */
export const deviceKey = (user: string, device: string): string => `device:${user}:${device}`;

/** /sync with long-polling: answers at once if there is news, else when there is, or when time is up. */
export class WaitForSync {
  readonly #deps: WaitForSyncDeps;

  constructor(deps: WaitForSyncDeps) {
    this.#deps = deps;
  }

  /** Throws `invalid_param` for a token that is none of ours. */
  async sync(request: SyncRequest): Promise<SyncResponse> {
    const { notifier, userRooms, clock } = this.#deps;
    const { user, device, since, signal } = request;
    const place = since === undefined ? undefined : parseSyncToken(since);
    const isPatient = place !== undefined && !request.fullState && request.timeout > 0;
    if (!isPatient) return this.#once(request, place);
    const bell = new Bell();
    using listening = notifier.listen([user, deviceKey(user, device)], () => bell.ring());
    listening.add(await userRooms.joined(user));
    const deadline = clock.now() + Math.min(request.timeout, MAX_TIMEOUT_MS);
    for (;;) {
      bell.reset();
      const response = await this.#once(request, place);
      if (hasNews(response) || signal.aborted) return response;
      const left = deadline - clock.now();
      if (left <= 0 || !(await bell.wait(left, signal))) return response;
      listening.add(await userRooms.joined(user));
    }
  }

  async #once(request: SyncRequest, place: SyncPlace | undefined): Promise<SyncResponse> {
    const { engine, userRooms, positions, compute } = this.#deps;
    const { user, device, filter, fullState, useStateAfter } = request;
    let upTo = await engine.caughtUp();
    const rooms = new Map(await userRooms.of(user));
    let newest = 0;
    for (const { stream } of rooms.values()) newest = Math.max(newest, stream);
    if (newest > upTo) {
      // A membership that is committed but not yet within the mark: wait for the mark, it is at most a write behind.
      await positions.reached(newest, request.signal);
      upTo = await engine.caughtUp();
    }
    // A token from the future (a database restored from a backup) is taken for the present.
    const since = place === undefined ? undefined : Math.min(place.stream, upTo);
    return compute.compute(
      {
        audience: { user, device },
        since,
        upTo,
        filter,
        fullState,
        statePlace: useStateAfter ? 'after' : 'before',
      },
      rooms,
      Math.min(place?.toDevice ?? 0, upTo),
    );
  }
}

/** Rung by news; a ring between looking and waiting is not lost. */
class Bell {
  #rung = false;
  #wake: (() => void) | undefined;

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  reset(): void {
    this.#rung = false;
  }

  /** True when it was rung, false when time was up or the client went away. */
  wait(milliseconds: number, signal: AbortSignal): Promise<boolean> {
    if (this.#rung) return Promise.resolve(true);
    return new Promise((resolve) => {
      const finish = (rung: boolean): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', aborted);
        this.#wake = undefined;
        resolve(rung);
      };
      const aborted = (): void => finish(false);
      const timer = setTimeout(() => finish(false), milliseconds);
      signal.addEventListener('abort', aborted, { once: true });
      this.#wake = () => finish(true);
    });
  }
}
