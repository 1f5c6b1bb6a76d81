import { afterFailure, type BackoffPolicy } from '@nyx/federation/http/backoff.ts';
import { RemoteError } from '@nyx/federation/http/errors.ts';
import type { PeerApi } from '@nyx/federation/http/peer-api.ts';
import type { JsonObject } from '@nyx/federation/json/value.ts';
import type { ServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import { MAX_EDUS_PER_TRANSACTION, MAX_PDUS_PER_TRANSACTION } from '@nyx/federation/spec/limits.ts';
import type { Clock } from '../../ports/clock.ts';
import type { DestinationState, OutboundStore, QueuedItem } from '../../ports/federation-stores.ts';
import type { Logger } from '../../ports/logger.ts';
import type { EventCache } from '../events/event-cache.ts';

/** How long one holder may keep the right to send to a destination without renewing it. */
const LEASE_MS = 120_000;
/** A queued event that is not stored after this long never will be. */
const GRACE_MS = 60_000;
/**
 * When to look again for queued events that are about to be stored. The wake-up that follows their commit finds this
 * look waiting under the destination's key and adds nothing, so it must be soon.
 */
const NOT_STORED_MS = 250;

export type DeliverDeps = {
  readonly peers: Pick<PeerApi, 'sendTransaction'>;
  readonly outbound: OutboundStore;
  readonly events: Pick<EventCache, 'getAll'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Whether the operator lets this server be talked to. */
  readonly allows: (server: ServerName) => boolean;
};

export type DeliverOptions = {
  readonly server: ServerName;
  readonly backoff: BackoffPolicy;
  /** In [0, 1). */
  readonly random: () => number;
  /** A name for a transaction that no other process uses. */
  readonly newId: () => string;
  /** A name for a lease, which tells whose it is. */
  readonly newLease: () => string;
};

/** When to try again, in milliseconds from now; undefined when there is nothing more to do. */
export type DeliveryOutcome = { readonly retryInMs?: number };

/**
 * Sends what waits for one server: one transaction at a time, the same one until it is answered, in the order in which
 * it was queued. Nothing is given up: a server that is down is tried ever more rarely.
 */
export class Deliver {
  readonly #deps: DeliverDeps;
  readonly #options: DeliverOptions;

  constructor(deps: DeliverDeps, options: DeliverOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  async deliver(destination: ServerName, signal: AbortSignal): Promise<DeliveryOutcome> {
    const { outbound, clock, allows } = this.#deps;
    if (!allows(destination)) return {};
    const owner = this.#options.newLease();
    let state = await outbound.acquire(destination, owner, clock.now() + LEASE_MS);
    // Whoever holds it sees what was queued meanwhile; looked at again in case it just stopped looking.
    if (state === undefined) return { retryInMs: 1_000 };
    try {
      while (!signal.aborted) {
        const now = clock.now();
        if (state.retryAt > now) return { retryInMs: state.retryAt - now };
        const { transaction, items } = await this.#next(destination, state);
        if (items.length === 0) return {};
        const next = await this.#attempt(destination, owner, { ...state, transaction }, items);
        if (next === undefined) return { retryInMs: NOT_STORED_MS };
        state = next;
      }
      return { retryInMs: 0 };
    } finally {
      await outbound.release(destination, owner);
    }
  }

  /**
   * The transaction under way, or what a new one is made of. One whose items are gone was answered, and the process
   * died before it noted that: its id is used up, and whatever came under it again would be taken for a repeat.
   */
  async #next(
    destination: ServerName,
    { transaction }: DestinationState,
  ): Promise<Pick<DestinationState, 'transaction'> & { items: readonly QueuedItem[] }> {
    const { outbound } = this.#deps;
    if (transaction !== undefined) {
      const items = await outbound.items(transaction.items);
      if (items.length > 0) return { transaction, items };
    }
    const items = await outbound.oldest(destination, MAX_PDUS_PER_TRANSACTION, MAX_EDUS_PER_TRANSACTION);
    return { transaction: undefined, items };
  }

  /** Sends one transaction. Undefined when none of its events is stored yet. */
  async #attempt(
    destination: ServerName,
    owner: string,
    state: DestinationState,
    items: readonly QueuedItem[],
  ): Promise<DestinationState | undefined> {
    const { outbound, clock, logger, peers } = this.#deps;
    const { pdus, edus, ready, gone } = await this.#contents(items);
    await outbound.remove(gone);
    if (ready.length === 0) return gone.length > 0 ? { ...state, transaction: undefined } : undefined;
    const transaction = state.transaction ?? { id: this.#options.newId(), items: ready };
    await outbound.update(destination, owner, { ...state, transaction });
    try {
      const errors = await peers.sendTransaction(destination, transaction.id, {
        origin: this.#options.server,
        origin_server_ts: clock.now(),
        pdus,
        ...(edus.length === 0 ? {} : { edus }),
      });
      for (const [event, reason] of errors) logger.info({ destination, event, reason }, 'event was refused');
    } catch (error) {
      const failed = this.#failed(state, transaction, error);
      await outbound.update(destination, owner, failed);
      logger.info({ destination, failures: failed.failures, err: error }, 'could not send to a server');
      return failed;
    }
    await outbound.remove(ready);
    const done: DestinationState = { failures: 0, since: undefined, retryAt: 0, transaction: undefined };
    await outbound.update(destination, owner, done);
    return done;
  }

  #failed(
    state: DestinationState,
    transaction: NonNullable<DestinationState['transaction']>,
    error: unknown,
  ): DestinationState {
    const { failures, since, retryAt } = state;
    const before = since === undefined ? undefined : { failures, since, retryAt };
    const asked = error instanceof RemoteError ? (error.retryAfterMs ?? 0) : 0;
    const now = this.#deps.clock.now();
    const next = afterFailure(before, now, this.#options.random(), this.#options.backoff, asked);
    return { ...next, transaction };
  }

  /** What goes over the wire. Items whose event was never stored are dropped after a while. */
  async #contents(items: readonly QueuedItem[]): Promise<{
    pdus: JsonObject[];
    edus: JsonObject[];
    ready: string[];
    gone: string[];
  }> {
    const now = this.#deps.clock.now();
    const ids = items.flatMap((item) => (item.kind === 'pdu' ? [item.eventId] : []));
    const events = await this.#deps.events.getAll(ids);
    const pdus: JsonObject[] = [];
    const edus: JsonObject[] = [];
    const ready: string[] = [];
    const gone: string[] = [];
    for (const item of items) {
      const event = item.kind === 'pdu' ? events.get(item.eventId) : undefined;
      if (item.kind === 'edu') edus.push(item.edu);
      else if (event !== undefined) pdus.push(event.pdu.json);
      else {
        if (now - item.queuedAt > GRACE_MS) gone.push(item.id);
        continue;
      }
      ready.push(item.id);
    }
    return { pdus, edus, ready, gone };
  }
}
