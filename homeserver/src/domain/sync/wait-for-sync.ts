import type { UserId } from '@nyx/federation/spec/identifiers/user-id.ts';
import type { Clock } from '../../ports/clock.ts';
import { Bell } from './bell.ts';
import type { ComputeSync } from './compute-sync.ts';
import type { SyncFilter } from './sync-filter.ts';
import type { SyncMoments } from './sync-moments.ts';
import { hasNews, type SyncResponse } from './sync-response.ts';
import { parseSyncToken, type SyncPlace } from './sync-token.ts';

/** For whom to look, and how it is to be told. */
export type SyncLook = {
  readonly user: UserId;
  readonly device: string;
  readonly filter: SyncFilter;
  readonly fullState: boolean;
  readonly useStateAfter: boolean;
  readonly signal: AbortSignal;
};

export type SyncRequest = SyncLook & {
  readonly since: string | undefined;
  /** How long to wait for news, in milliseconds. */
  readonly timeout: number;
};

/** Longest a client may make the server wait. */
const MAX_TIMEOUT_MS = 120_000;

export type WaitForSyncDeps = {
  readonly moments: SyncMoments;
  readonly compute: ComputeSync;
  readonly clock: Clock;
};

/** /sync with long-polling: answers at once if there is news, else when there is, or when time is up. */
export class WaitForSync {
  readonly #deps: WaitForSyncDeps;

  constructor(deps: WaitForSyncDeps) {
    this.#deps = deps;
  }

  /** Throws `invalid_param` for a token that is none of ours. */
  async sync(request: SyncRequest): Promise<SyncResponse> {
    const { moments, clock } = this.#deps;
    const { user, device, since, signal } = request;
    const place = since === undefined ? undefined : parseSyncToken(since);
    const isPatient = place !== undefined && !request.fullState && request.timeout > 0;
    if (!isPatient) return this.look(request, place);
    const bell = new Bell();
    using listening = moments.listen(user, device, () => bell.ring());
    listening.add(await moments.listenKeys(user));
    const deadline = clock.now() + Math.min(request.timeout, MAX_TIMEOUT_MS);
    for (;;) {
      bell.reset();
      const response = await this.look(request, place);
      if (hasNews(response) || signal.aborted) return response;
      const left = deadline - clock.now();
      if (left <= 0 || !(await bell.wait(left, signal))) return response;
      listening.add(await moments.listenKeys(user));
    }
  }

  /**
   * What there is to tell just now, without waiting.
   * @param proven position up to which the device has its messages for certain, where that is not `place`.
   */
  async look(request: SyncLook, place: SyncPlace | undefined, proven?: number): Promise<SyncResponse> {
    const { moments, compute } = this.#deps;
    const { user, device, filter, fullState, useStateAfter } = request;
    const { upTo, rooms } = await moments.now(user, place?.stream, request.signal);
    // A token from the future (a database restored from a backup) is taken for the present.
    const since = place === undefined ? undefined : Math.min(place.stream, upTo);
    const has = Math.min(place?.toDevice ?? 0, upTo);
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
      { after: has, proven: proven === undefined ? has : Math.min(proven, has) },
    );
  }
}
