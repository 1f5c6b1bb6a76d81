import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import { redactEvent } from '@nyx/federation/json/redact.ts';
import { readPdu } from '@nyx/federation/events/pdu.ts';
import { RULES } from '@nyx/federation/room-versions/rules.ts';
import type {
  EventAppender,
  EventLookups,
  EventReader,
  RelationLookups,
  StateLayerStore,
} from '../../ports/event-store.ts';
import type { Notifier } from '../../ports/notifier.ts';
import type { StreamPositions } from '../../ports/stream-positions.ts';
import { EventCache } from './event-cache.ts';
import { GroupCommit } from './group-commit.ts';
import { RelationHints } from './relation-hints.ts';
import { RoomHeads } from './room-heads.ts';
import type { RoomState, StateLayer } from './room-state.ts';
import { RoomStates } from './room-states.ts';
import { RoomWriters } from './room-writers.ts';
import type { StoredEvent } from './stored-event.ts';
import { StreamFeed } from './stream-feed.ts';

export type EventStores = {
  readonly appender: EventAppender;
  readonly reader: EventReader;
  readonly lookups: EventLookups;
  readonly relations: RelationLookups;
  readonly layers: StateLayerStore;
};

/** Called for every event of the stream that this process learns of, its own and others', after it is committed. */
export type CommitListener = (events: readonly StoredEvent[], origin: 'here' | 'elsewhere') => void;

/**
 * Everything that reads and writes events, put together: caches follow commits of this process at once, and those of
 * other processes as the stream's mark passes them.
 */
export class EventEngine implements AsyncDisposable {
  readonly events: EventCache;
  readonly states: RoomStates;
  readonly heads: RoomHeads;
  readonly feed: StreamFeed;
  readonly writers: RoomWriters;
  readonly lookups: EventLookups;
  readonly relations: RelationLookups;
  readonly hints = new RelationHints();
  readonly reader: EventReader;
  readonly #appender: EventAppender;
  readonly #layers: StateLayerStore;
  readonly #commits: GroupCommit;
  readonly #notifier: Notifier;
  readonly #positions: StreamPositions;
  readonly #listeners = new Set<CommitListener>();
  readonly #advance: Disposable;
  #seen: number;
  #uncertain = false;
  #reading: Promise<void> | undefined;

  constructor(stores: EventStores, positions: StreamPositions, notifier: Notifier) {
    this.reader = stores.reader;
    this.lookups = stores.lookups;
    this.relations = stores.relations;
    this.#appender = stores.appender;
    this.#layers = stores.layers;
    this.#notifier = notifier;
    this.#positions = positions;
    this.#seen = positions.mark();
    this.events = new EventCache(stores.reader);
    this.states = new RoomStates(stores.layers);
    this.heads = new RoomHeads(stores.reader, this.events, this.states, () => positions.isAlone());
    this.feed = new StreamFeed(stores.reader, this.#seen);
    this.#commits = new GroupCommit({
      store: stores.appender,
      layers: stores.layers,
      positions,
      onCommitted: (events, states) => this.#committed(events, states),
      onUncertain: () => (this.#uncertain = true),
    });
    this.writers = new RoomWriters(this.heads, this.states, this.#commits);
    this.#advance = positions.onAdvance((mark) => this.#advanced(mark));
  }

  /** Hears of every commit. */
  onCommit(listener: CommitListener): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => this.#listeners.delete(listener) };
  }

  /**
   * Resolves when everything up to the mark, whoever wrote it, is in the feed. Readers take their upper bound from it.
   */
  async caughtUp(): Promise<number> {
    const mark = this.#positions.mark();
    if (this.#seen < mark) {
      this.#advanced(mark);
      while (this.#seen < mark && this.#reading !== undefined) await this.#reading;
    }
    return mark;
  }

  /** Stores state layers ahead of what will refer to them. */
  async storeLayers(layers: readonly StateLayer[]): Promise<void> {
    this.states.remember(layers);
    await this.#layers.put(layers);
  }

  /** Gives a partial layer its missing entries. */
  async completeLayer(layer: StateLayer): Promise<void> {
    await this.#layers.complete(layer);
    this.states.remember([layer]);
  }

  /** Replaces the target of a redaction by its redacted form, in the store and wherever it is cached. */
  async redact(target: StoredEvent, redactedBy: EventId): Promise<void> {
    const rules = RULES[target.version];
    const body = redactEvent(rules, target.pdu.json);
    await this.#appender.redact(target.id, redactedBy, body);
    this.#replace({ ...target, pdu: readPdu(rules, body, target.id), redactedBy });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#advance[Symbol.dispose]();
    await this.#commits.idle();
    await this.#reading;
  }

  #replace(event: StoredEvent): void {
    this.events.replace(event);
    this.feed.replace(event);
  }

  #committed(events: readonly StoredEvent[], states: readonly RoomState[]): void {
    for (const event of events) this.events.committed(event);
    this.heads.committed(events, states);
    this.feed.add(events);
    this.#tell(events, 'here');
    for (const event of events) this.#publish(event);
  }

  #publish(event: StoredEvent): void {
    if (event.stream === undefined) return;
    this.#notifier.publish(wakeKeys(event), event.stream);
  }

  #tell(events: readonly StoredEvent[], origin: 'here' | 'elsewhere'): void {
    this.hints.follow(events);
    for (const listener of this.#listeners) listener(events, origin);
  }

  #advanced(mark: number): void {
    if (mark <= this.#seen) return;
    // Whether others live and speak does not matter: what they wrote must be read even if they are not heard.
    if (!this.#uncertain && this.#reading === undefined && this.#positions.isOwn(this.#seen, mark)) {
      this.#seen = mark;
      return;
    }
    this.#reading ??= this.#readForeign().finally(() => {
      this.#reading = undefined;
    });
  }

  async #readForeign(): Promise<void> {
    while (this.#seen < this.#positions.mark()) {
      const mark = this.#positions.mark();
      this.#uncertain = false;
      const fresh = await this.feed.readForeign(this.#seen, mark);
      for (const event of fresh) {
        this.events.committed(event);
        await this.heads.follow(event);
        await this.#followRedaction(event);
      }
      if (fresh.length > 0) this.#tell(fresh, 'elsewhere');
      this.#seen = mark;
      // Whoever wrote them has woken those who wait, if it was heard; a second look costs them little.
      this.#notifier.wake(fresh.flatMap(wakeKeys));
    }
  }

  /** Another process redacted an event that may be cached here in full. */
  async #followRedaction({ pdu, id }: StoredEvent): Promise<void> {
    const cached = pdu.redacts === undefined ? undefined : this.events.peek(pdu.redacts as EventId);
    if (cached === undefined || cached.redactedBy !== undefined) return;
    this.events.forget(cached.id);
    const stored = await this.events.get(cached.id);
    if (stored?.redactedBy === id) this.#replace(stored);
  }
}

/** Whom an event is news for: those in the room, and those whose membership it changes. */
const wakeKeys = ({ room, memberChanges }: StoredEvent): string[] => [
  room,
  ...memberChanges.map(({ user }) => user),
];
