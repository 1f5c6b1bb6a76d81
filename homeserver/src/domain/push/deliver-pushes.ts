import { ownString } from '@nyx/federation/json/value.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Logger } from '../../ports/logger.ts';
import type { PushGateway } from '../../ports/push-gateway.ts';
import type {
  Push,
  Pusher,
  PusherHealth,
  PusherLeases,
  PusherStore,
  PushQueue,
} from '../../ports/pushers.ts';
import type { RoomReads } from '../rooms/room-reads.ts';
import { FIRST_PAUSE_MS, LONGEST_PAUSE_MS, MAX_BATCH } from './limits.ts';
import { badgeNotification, eventNotification } from './notification.ts';
import { gatewayUrl } from './set-pusher.ts';

export type DeliverPushesDeps = {
  readonly store: PusherStore;
  readonly leases: PusherLeases;
  readonly queue: PushQueue;
  readonly gateway: PushGateway;
  readonly rooms: RoomReads;
  /** Unread messages of a user that notify. */
  readonly badge: (user: string) => Promise<number>;
  /** Whether the user has read the event, or may not see it any more. */
  readonly isSettled: (user: string, push: Extract<Push, { kind: 'event' }>) => Promise<boolean>;
  /** Whether the session that set the pusher is still there. */
  readonly isAlive: (pusher: Pusher) => Promise<boolean>;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly maxAgeMs: number;
};

/** A pusher is left to somebody else when its worker has been silent for this long. */
const LEASE_MS = 120_000;
/** Turns of looking again after letting go: whoever came meanwhile saw a pusher that was taken. */
const MAX_TURNS = 1_000;

/** Delivers what waits for a pusher, in order; backs off from gateways that fail. */
export class DeliverPushes {
  readonly #deps: DeliverPushesDeps;

  constructor(deps: DeliverPushesDeps) {
    this.#deps = deps;
  }

  async deliver(id: string, log: Logger, signal: AbortSignal): Promise<void> {
    const { leases, queue, clock, newId } = this.#deps;
    const owner = newId();
    for (let turn = 0; turn < MAX_TURNS && !signal.aborted; turn++) {
      if ((await queue.waiting(id, 1)).length === 0) return;
      const held = await leases.acquire(id, owner, clock.now() + LEASE_MS);
      if (held === undefined) return;
      try {
        if (!(await this.#turn(held.pusher, held.health, owner, log, signal))) return;
      } finally {
        await leases.release(id, owner);
      }
    }
  }

  /** Delivers what waits now. False when there is nothing to go on with: the pusher is gone, or its gateway fails. */
  async #turn(
    pusher: Pusher,
    health: PusherHealth,
    owner: string,
    log: Logger,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { queue, clock, leases, isAlive } = this.#deps;
    const { id } = pusher;
    if (!(await isAlive(pusher))) {
      await this.#drop(pusher);
      return false;
    }
    const pause = health.retryAt - clock.now();
    if (pause > 0) {
      await queue.retry(id, pause);
      return false;
    }
    let current = health;
    for (const push of await this.#fresh(id)) {
      if (signal.aborted) return false;
      try {
        const { rejected, badge } = await this.#send(pusher, current, push, signal);
        if (rejected) {
          log.info({ pusher: id }, 'the push gateway rejected a pushkey');
          await this.#drop(pusher);
          return false;
        }
        current = { failures: 0, retryAt: 0, badge };
      } catch (error) {
        const failures = current.failures + 1;
        const delay = Math.min(FIRST_PAUSE_MS * 2 ** (failures - 1), LONGEST_PAUSE_MS);
        await leases.update(id, owner, { ...current, failures, retryAt: clock.now() + delay });
        await queue.retry(id, delay);
        log.info({ err: error, pusher: id, failures }, 'the push gateway does not take notifications');
        return false;
      }
      await leases.update(id, owner, current);
      await queue.done([push]);
    }
    return true;
  }

  /** What waits, without what nobody has to be told any more. */
  async #fresh(id: string): Promise<readonly Push[]> {
    const { queue, clock, maxAgeMs } = this.#deps;
    const oldest = clock.now() - maxAgeMs;
    const waiting = await queue.waiting(id, MAX_BATCH);
    const stale = waiting.filter(({ at }) => at <= oldest);
    await queue.done(stale);
    return waiting.filter(({ at }) => at > oldest);
  }

  async #send(
    pusher: Pusher,
    health: PusherHealth,
    push: Push,
    signal: AbortSignal,
  ): Promise<{ rejected: boolean; badge: number }> {
    const { gateway, badge: countOf, rooms, isSettled } = this.#deps;
    const url = gatewayUrl(ownString(pusher.data, 'url') ?? '');
    const badge = await countOf(pusher.userId);
    const unchanged = { rejected: false, badge: health.badge ?? badge };
    if (url === undefined) return { rejected: true, badge };
    if (push.kind === 'badge' && badge === (health.badge ?? 0)) return { rejected: false, badge };
    let notification = badgeNotification(pusher, badge, push.kind === 'wake');
    if (push.kind === 'event') {
      if (await isSettled(pusher.userId, push)) return unchanged;
      const event = await rooms.engine.events.get(push.event);
      if (event === undefined || event.redactedBy !== undefined) return unchanged;
      notification = await eventNotification(rooms, pusher, push, event, badge);
    }
    const rejected = await gateway.notify(url, notification, signal);
    return { rejected: rejected.includes(pusher.pushkey), badge };
  }

  async #drop({ id }: Pusher): Promise<void> {
    await this.#deps.store.remove([id]);
  }
}
