import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { UserId } from '@nyx/federation/spec/identifiers/user-id.ts';
import type { MembershipRow } from '../../ports/event-store.ts';
import type { Notifier, NotifierSubscription } from '../../ports/notifier.ts';
import type { StreamPositions } from '../../ports/stream-positions.ts';
import type { EventEngine } from '../events/event-engine.ts';
import type { UserRooms } from '../rooms/user-rooms.ts';

/** How far a user can be told just now, and the rooms the user has to do with. */
export type SyncMoment = {
  readonly upTo: number;
  readonly rooms: ReadonlyMap<RoomId, MembershipRow>;
};

/** Notifier key of what concerns one device alone: messages to it, its stock of keys. */
export const deviceKey = (user: string, device: string): string => `device:${user}:${device}`;

/**
 * How long a process is waited for that is behind a token. Beyond it the token is from another time of this server: its
 * database was restored from a backup.
 */
const MAX_LAG_MS = 2_000;

export type SyncMomentsDeps = {
  readonly engine: EventEngine;
  readonly userRooms: UserRooms;
  readonly notifier: Notifier;
  readonly positions: StreamPositions;
};

/** What every kind of sync starts from, and what wakes it. */
export class SyncMoments {
  readonly #deps: SyncMomentsDeps;

  constructor(deps: SyncMomentsDeps) {
    this.#deps = deps;
  }

  /** @param from how far the client has been told: another process may have told it what this one is about to learn. */
  async now(user: UserId, from: number | undefined, signal: AbortSignal): Promise<SyncMoment> {
    const { engine, userRooms, positions } = this.#deps;
    let upTo = await engine.caughtUp();
    if (from !== undefined && from > upTo) {
      const patience = AbortSignal.any([signal, AbortSignal.timeout(MAX_LAG_MS)]);
      await positions.reached(from, patience).catch(() => undefined);
      upTo = await engine.caughtUp();
    }
    const rooms = new Map(await userRooms.of(user));
    let newest = 0;
    for (const { stream } of rooms.values()) newest = Math.max(newest, stream);
    if (newest > upTo) {
      // A membership that is committed but not yet within the mark: wait for the mark, it is at most a write behind.
      await positions.reached(newest, signal);
      upTo = await engine.caughtUp();
    }
    return { upTo, rooms };
  }

  /** Calls `ring` when there may be news for the device. */
  listen(user: UserId, device: string, ring: () => void): NotifierSubscription {
    return this.#deps.notifier.listen([user, deviceKey(user, device)], ring);
  }

  /** The rooms whose news the user is told of: to be added to what is listened for, before each look. */
  async listenKeys(user: UserId): Promise<Iterable<string>> {
    return this.#deps.userRooms.joined(user);
  }
}
