import { z } from 'zod';
import { DomainError } from '../../domain/errors.ts';
import type { Bus } from '../../ports/bus.ts';
import type { Logger } from '../../ports/logger.ts';
import type { StreamPositions } from '../../ports/stream-positions.ts';
import { hasDefiniteOutcome, isDuplicateKey } from './outage.ts';
import { OwnRanges } from './own-ranges.ts';
import { PositionWindow } from './position-window.ts';
import type { Lease, LeaseOwner, LeaseTable, StreamLeases } from './stream-leases.ts';
import { FENCE_INDEX } from './stream-leases.ts';

export type StreamDeps = {
  readonly leases: StreamLeases;
  readonly bus: Bus;
  readonly logger: Logger;
  readonly identity: LeaseOwner;
  /** Whether a process of this machine lives. */
  readonly isAlive: (process: string) => boolean;
  readonly newId: () => string;
  readonly timing?: Partial<StreamTiming>;
};

export type StreamTiming = {
  /** How often leases are renewed and the table is looked at, in ms. */
  readonly tickMs: number;
  /** The same while the mark is waiting for another process. */
  readonly stuckMs: number;
  /** Pause between attempts to find out whether interrupted writes happened. */
  readonly retryMs: number;
};

const DEFAULT_TIMING: StreamTiming = { tickMs: 1_000, stuckMs: 100, retryMs: 500 };

/** Ticks without a write after which a process gives its block back, and writes to the table no more. */
const IDLE_TICKS = 10;

/** Positions leased at a time by a process that is alone, and by one among several. */
const BLOCK_ALONE = 512;
const BLOCK_SHARED = 16;
/** Times a commit is repeated with new positions after its lease was closed by another process. */
const MAX_FENCED_RETRIES = 3;
const TOPIC = 'stream';

const statementSchema = z.object({
  owner: z.string(),
  /** Lowest position the owner may still commit, null for none; true of its leases up to `top`. */
  floor: z.number().nullable(),
  top: z.number(),
  /** Highest position the owner has settled: what its readers wait to see. */
  high: z.number(),
  /** A mark that the owner knows to be true. */
  mark: z.number(),
});

type Statement = z.output<typeof statementSchema>;

type Waiter = { readonly position: number; readonly resolve: () => void };

/**
 * The stream over several processes (ADR 0010). Each leases blocks of positions from one document, hands them out
 * from memory and tells the others how far it is. The mark is below the lowest position that anybody may still commit:
 * a process knows all leases below its own, because leasing shows it the whole table. A process that others wait for
 * gives up what it has not used. A dead process's block is closed by fencing, not by trust in clocks.
 */
export class MongoStreamPositions implements StreamPositions, AsyncDisposable {
  readonly #deps: StreamDeps;
  readonly #timing: StreamTiming;
  readonly #window = new PositionWindow();
  readonly #own = new OwnRanges();
  /** Open leases of others. */
  readonly #others = new Map<string, Lease>();
  /** What each other process said last; the table may be older. */
  readonly #statements = new Map<string, Statement>();
  /** Handed to the database without an answer: it is not known yet whether they were committed. */
  readonly #unknown = new Set<number>();
  readonly #listeners = new Set<(mark: number) => void>();
  readonly #resources: Disposable[] = [];
  #waiters: Waiter[] = [];
  /** Everything below this has been leased, as far as this process knows. */
  #known = 1;
  #mark = 0;
  #top = 0;
  #leasing: Promise<void> | undefined;
  /** The end of the queue of operations on the table: they must be seen in the order in which they happened. */
  #lastOperation: Promise<unknown> = Promise.resolve();
  #fencing = false;
  #idleTicks = 0;
  #timer: NodeJS.Timeout | undefined;
  #announcing = false;
  #stopped = false;

  constructor(deps: StreamDeps) {
    this.#deps = deps;
    this.#timing = { ...DEFAULT_TIMING, ...deps.timing };
  }

  /** Learns where the stream is, closes what dead processes left, and begins to listen. */
  async start(): Promise<void> {
    await this.#lookAround();
    this.#resources.push(
      this.#deps.bus.subscribe(TOPIC, (payload) => this.#hear(payload)),
      this.#deps.bus.onConnectionChange(() => this.#announce()),
    );
    this.#schedule();
  }

  mark(): number {
    return this.#mark;
  }

  isOwn(after: number, upTo: number): boolean {
    return this.#own.cover(after, upTo);
  }

  isAlone(): boolean {
    return this.#deps.bus.isAlone && this.#others.size === 0;
  }

  async write<T>(count: number, commit: (positions: readonly number[]) => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt += 1) {
      const positions = this.#window.reserve(count) ?? (await this.#reserveSlowly(count));
      this.#idleTicks = 0;
      this.#leaseAhead();
      try {
        const result = await commit(positions);
        this.#settle(positions);
        return result;
      } catch (error) {
        if (error instanceof DomainError || hasDefiniteOutcome(error)) this.#settle(positions);
        else this.#settleUnknown(positions);
        if (attempt >= MAX_FENCED_RETRIES || !isDuplicateKey(error, FENCE_INDEX)) throw error;
        // The lease was closed while this process was thought dead: none of its positions can be trusted.
        this.#window.abandonUpTo(this.#window.top());
      }
    }
  }

  reached(position: number, signal?: AbortSignal): Promise<void> {
    if (position <= this.#mark) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { position, resolve };
      this.#waiters.push(waiter);
      signal?.addEventListener(
        'abort',
        () => {
          this.#waiters = this.#waiters.filter((other) => other !== waiter);
          reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
        },
        { once: true },
      );
    });
  }

  onAdvance(listener: (mark: number) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Gives back what is leased, so that nobody has to wait for it to expire. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    for (const resource of this.#resources) resource[Symbol.dispose]();
    try {
      this.#window.abandonUpTo(this.#window.top());
      if (this.#top > 0) await this.#update();
      this.#announce();
    } catch (error) {
      this.#deps.logger.warn({ err: error }, 'could not give back the stream positions; they expire');
    }
  }

  async #reserveSlowly(count: number): Promise<number[]> {
    for (;;) {
      if (this.#stopped)
        throw new DomainError('unavailable', 'The server is stopping', { retryAfterMs: 5_000 });
      await this.#lease(count);
      const positions = this.#window.reserve(count);
      if (positions !== undefined) return positions;
    }
  }

  /** Leases the next block before this one is used up, so that no write ever waits for it. */
  #leaseAhead(): void {
    if (this.#deps.bus.hasPeers || this.#window.available() > BLOCK_ALONE / 2) return;
    this.#lease(1).catch((error: unknown) => {
      this.#deps.logger.warn({ err: error }, 'could not lease stream positions ahead');
    });
  }

  #lease(count: number): Promise<void> {
    this.#leasing ??= (async () => {
      const size = Math.max(count, this.#othersAreOpen() ? BLOCK_SHARED : BLOCK_ALONE);
      await this.#update({ id: this.#deps.newId(), size });
      this.#announce();
    })().finally(() => {
      this.#leasing = undefined;
    });
    return this.#leasing;
  }

  #othersAreOpen(): boolean {
    return this.#deps.bus.hasPeers || this.#others.size > 0;
  }

  /** Runs operations on the table one at a time, so that an older answer never overrides a newer one. */
  #inOrder<T>(operation: () => Promise<T>): Promise<T> {
    const result = this.#lastOperation.then(operation);
    this.#lastOperation = result.catch(() => undefined);
    return result;
  }

  /** One round trip that renews own leases, reports progress, gives back what is finished and shows the table. */
  #update(lease?: { readonly id: string; readonly size: number }): Promise<LeaseTable> {
    return this.#inOrder(async () => {
      this.#window.takeFinished();
      const floor = this.#window.floor() ?? Number.POSITIVE_INFINITY;
      const table = await this.#deps.leases.update(
        this.#deps.identity,
        lease === undefined ? { floor } : { floor, lease },
      );
      const mine = table.leases.find(({ id }) => id === lease?.id);
      if (mine !== undefined) {
        this.#window.add({ id: mine.id, from: mine.from, to: mine.to });
        this.#own.add(mine.from, mine.to);
        this.#top = Math.max(this.#top, mine.to);
      }
      this.#learn(table);
      return table;
    });
  }

  #read(): Promise<LeaseTable | undefined> {
    return this.#inOrder(async () => {
      const table = await this.#deps.leases.read();
      if (table !== undefined) this.#learn(table);
      return table;
    });
  }

  #settle(positions: readonly number[]): void {
    this.#window.settle(positions);
    this.#recompute();
    this.#announce();
  }

  /** The database did not answer: nobody may pass these positions until it is certain what became of them. */
  #settleUnknown(positions: readonly number[]): void {
    for (const position of positions) this.#unknown.add(position);
    if (!this.#fencing) void this.#fenceUnknown();
  }

  async #fenceUnknown(): Promise<void> {
    this.#fencing = true;
    while (this.#unknown.size > 0 && !this.#stopped) {
      const positions = [...this.#unknown];
      try {
        await this.#deps.leases.fence(positions);
        for (const position of positions) this.#unknown.delete(position);
        this.#settle(positions);
      } catch {
        await new Promise((resolve) => setTimeout(resolve, this.#timing.retryMs).unref());
      }
    }
    this.#fencing = false;
  }

  /** Takes in a table read just now: it is true of every position below its `next`. */
  #learn(table: LeaseTable): void {
    const { owner } = this.#deps.identity;
    const present = new Set(table.leases.map(({ id }) => id));
    for (const id of this.#others.keys()) if (!present.has(id)) this.#others.delete(id);
    for (const lease of table.leases) {
      if (lease.owner === owner) continue;
      this.#others.set(lease.id, lease);
    }
    for (const statement of this.#statements.values()) this.#apply(statement);
    for (const { id } of this.#window.blocks()) if (!present.has(id)) this.#window.drop(id);
    this.#known = Math.max(this.#known, table.next);
    this.#recompute();
  }

  #recompute(): void {
    let open = Math.min(this.#window.floor() ?? Number.POSITIVE_INFINITY, this.#known);
    for (const { floor } of this.#others.values()) if (floor < open) open = floor;
    this.#advanceTo(open - 1);
  }

  #advanceTo(mark: number): void {
    if (mark <= this.#mark) return;
    this.#mark = mark;
    if (this.#waiters.length > 0) {
      const due = this.#waiters.filter(({ position }) => position <= mark);
      this.#waiters = this.#waiters.filter(({ position }) => position > mark);
      for (const { resolve } of due) resolve();
    }
    for (const listener of this.#listeners) listener(mark);
  }

  /** Tells the others how far this process is, once per turn of the event loop. */
  #announce(): void {
    if (this.#announcing || !this.#deps.bus.hasPeers) return;
    this.#announcing = true;
    queueMicrotask(() => {
      this.#announcing = false;
      this.#deps.bus.publish(TOPIC, {
        owner: this.#deps.identity.owner,
        floor: this.#window.floor() ?? null,
        top: this.#top,
        high: this.#window.highestSettled(),
        mark: this.#mark,
      });
    });
  }

  #hear(payload: unknown): void {
    const statement = statementSchema.parse(payload);
    this.#statements.set(statement.owner, statement);
    this.#apply(statement);
    this.#advanceTo(statement.mark);
    this.#giveWay(statement.high);
    this.#recompute();
  }

  #apply({ owner, floor, top }: Statement): void {
    for (const lease of this.#others.values()) {
      if (lease.owner !== owner || lease.to > top) continue;
      const reached = Math.max(lease.floor, Math.min(floor ?? Number.POSITIVE_INFINITY, lease.to + 1));
      if (reached > lease.to) this.#others.delete(lease.id);
      else this.#others.set(lease.id, { ...lease, floor: reached });
    }
  }

  /** Somebody's readers wait behind positions that this process has not begun to use. */
  #giveWay(high: number): void {
    const floor = this.#window.floor();
    if (floor === undefined || high <= floor) return;
    this.#window.abandonUpTo(Math.min(high, this.#window.top()));
    this.#announce();
  }

  #isStuck(): boolean {
    return this.#unknown.size === 0 && this.#mark < this.#window.highestSettled();
  }

  #schedule(): void {
    if (this.#stopped) return;
    const pause = this.#isStuck() ? this.#timing.stuckMs : this.#timing.tickMs;
    this.#timer = setTimeout(() => void this.#tick().finally(() => this.#schedule()), pause);
    this.#timer.unref();
  }

  /** Renews, reports and looks around; what a lost message left unsaid is found here. */
  async #tick(): Promise<void> {
    try {
      this.#idleTicks += 1;
      if (this.#idleTicks > IDLE_TICKS) this.#window.abandonUpTo(this.#window.top());
      await this.#lookAround();
      // Without the bus, the table is where a process sees that it is waited for.
      const foremost = Math.max(0, ...[...this.#others.values()].map(({ floor }) => floor - 1));
      if (!this.#deps.bus.connected) this.#giveWay(foremost);
      this.#announce();
    } catch (error) {
      this.#deps.logger.debug({ err: error }, 'could not renew the stream positions');
    }
  }

  async #lookAround(): Promise<void> {
    let table = this.#window.blocks().length > 0 ? await this.#update() : await this.#read();
    // Whether a lease has expired is told by the database's clock, which only an update reads.
    if (this.#others.size > 0) table = await this.#update();
    if (table === undefined || this.#stopped) return;
    const owners = new Set(table.leases.map(({ owner }) => owner));
    for (const owner of this.#statements.keys()) if (!owners.has(owner)) this.#statements.delete(owner);
    await this.#closeDead(table);
  }

  async #closeDead(table: LeaseTable): Promise<void> {
    const { identity, isAlive } = this.#deps;
    for (const lease of table.leases) {
      if (lease.owner === identity.owner) continue;
      const isDead = lease.host === identity.host && !isAlive(lease.process);
      if (!isDead && lease.expires.getTime() > table.readAt.getTime()) continue;
      if (!(await this.#deps.leases.close(lease, table.readAt, identity))) continue;
      this.#deps.logger.info(
        { from: lease.floor, to: lease.to },
        'closed the stream positions of a dead process',
      );
      this.#others.delete(lease.id);
      this.#recompute();
    }
  }
}
