import { EventType } from '@nyx/federation/spec/event-types.ts';
import { isServerName, type ServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import { userIdServer } from '@nyx/federation/spec/identifiers/user-id.ts';
import { LRUCache } from 'lru-cache';
import type { OutboundStore } from '../../ports/federation-stores.ts';
import type { Logger } from '../../ports/logger.ts';
import type { StreamPositions } from '../../ports/stream-positions.ts';
import type { StoredEvent } from '../events/stored-event.ts';
import type { RoomReads } from '../rooms/room-reads.ts';

/** Events read from the stream at once. */
const BATCH = 200;
/** States whose servers are remembered; messages share the state of their neighbours. */
const MAX_STATES = 1_000;
/** Pause before the queues are filled again after that failed, in milliseconds. */
const RETRY_MS = 1_000;

/**
 * Puts events of this server into the queues of the servers in their rooms. The stream of events is the outbox: a cursor
 * says how far it has been worked off, so a crash repeats work (which changes nothing) and loses none.
 */
export class SendOut implements AsyncDisposable {
  readonly #rooms: RoomReads;
  readonly #positions: StreamPositions;
  readonly #outbound: OutboundStore;
  readonly #server: ServerName;
  readonly #wake: (destinations: readonly ServerName[]) => Promise<void>;
  readonly #logger: Logger;
  readonly #servers = new LRUCache<string, ReadonlySet<ServerName>>({ max: MAX_STATES });
  readonly #listening: Disposable[] = [];
  #running: Promise<void> | undefined;
  /** Highest stream position of an event that has to go out, and up to where the queues are filled. */
  #wanted = 0;
  #reached = 0;
  #retry: NodeJS.Timeout | undefined;
  readonly #stop = new AbortController();

  constructor(
    rooms: RoomReads,
    positions: StreamPositions,
    outbound: OutboundStore,
    server: ServerName,
    wake: (destinations: readonly ServerName[]) => Promise<void>,
    logger: Logger,
  ) {
    this.#rooms = rooms;
    this.#positions = positions;
    this.#outbound = outbound;
    this.#server = server;
    this.#wake = wake;
    this.#logger = logger;
  }

  /** Begins where the last process ended. */
  start(): void {
    this.#wanted = this.#positions.mark();
    this.#listening.push(
      // Of other processes too: they may leave this work to us.
      this.#rooms.engine.onCommit((events) => {
        for (const event of events) this.#want(event);
        this.#look();
      }),
      this.#positions.onAdvance(() => this.#look()),
    );
    this.#kick();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    for (const listener of this.#listening) listener[Symbol.dispose]();
    clearTimeout(this.#retry);
    await this.#running;
  }

  /** Most rooms of most servers are local: their events cost nothing here. */
  #want({ pdu, room, stream = 0 }: StoredEvent): void {
    if (userIdServer(pdu.sender) !== this.#server) return;
    const servers = this.#rooms.engine.heads.peek(room)?.tally.servers;
    const isAboutOther = pdu.type === EventType.Member && !pdu.stateKey?.endsWith(`:${this.#server}`);
    if (servers === undefined || servers.size > 1 || isAboutOther || !servers.has(this.#server))
      this.#wanted = Math.max(this.#wanted, stream);
  }

  #look(): void {
    if (this.#positions.mark() >= this.#wanted && this.#reached < this.#wanted) this.#kick();
  }

  #kick(): void {
    if (this.#stop.signal.aborted) return;
    this.#running ??= this.#run()
      .catch((error: unknown) => {
        this.#logger.error({ err: error }, 'could not queue events for other servers');
        // Nobody may ever speak again: what failed must not wait for that.
        this.#retry = setTimeout(() => this.#kick(), RETRY_MS).unref();
      })
      .finally(() => {
        this.#running = undefined;
      });
  }

  async #run(): Promise<void> {
    let cursor = await this.#outbound.cursor();
    if (cursor === undefined) {
      // A new server has sent nothing: everything so far is to be looked at.
      await this.#outbound.moveCursor(undefined, 0);
      cursor = 0;
    }
    for (;;) {
      const mark = this.#positions.mark();
      while (cursor < mark) {
        if (this.#stop.signal.aborted) return;
        const events = await this.#rooms.engine.reader.stream(cursor, mark, BATCH);
        await this.#queue(events);
        const next: number = events.length < BATCH ? mark : (events.at(-1)?.stream ?? mark);
        await this.#outbound.moveCursor(cursor, next);
        cursor = next;
      }
      this.#reached = cursor;
      if (this.#positions.mark() < this.#wanted || this.#reached >= this.#wanted) return;
    }
  }

  async #queue(events: readonly StoredEvent[]): Promise<void> {
    const wake = new Set<ServerName>();
    for (const event of events) {
      if (event.standing !== 'accepted' || userIdServer(event.pdu.sender) !== this.#server) continue;
      const destinations = await this.#destinations(event);
      if (destinations.length === 0) continue;
      await this.#outbound.add(destinations, [{ kind: 'pdu', eventId: event.id, order: event.stream ?? 0 }]);
      for (const destination of destinations) wake.add(destination);
    }
    if (wake.size > 0) await this.#wake([...wake]);
  }

  /** Servers in the room before the event, and that of whom it is about: it may be a kick, or an invite refused. */
  async #destinations(event: StoredEvent): Promise<ServerName[]> {
    const servers = new Set(await this.#serversOf(event.stateBefore));
    const { pdu } = event;
    if (pdu.type === EventType.Member && pdu.stateKey !== undefined) {
      const server = pdu.stateKey.slice(pdu.stateKey.indexOf(':') + 1);
      // An invite went to its server on its own, to be signed there.
      if (isServerName(server) && pdu.content.membership !== 'invite') servers.add(server);
    }
    servers.delete(this.#server);
    return [...servers];
  }

  async #serversOf(stateId: string | undefined): Promise<ReadonlySet<ServerName>> {
    if (stateId === undefined || stateId === '') return new Set();
    const cached = this.#servers.get(stateId);
    if (cached !== undefined) return cached;
    const state = await this.#rooms.engine.states.get(stateId);
    const { partial } = state;
    const servers = new Set<ServerName>(partial?.servers.filter(isServerName));
    for (const [user, membership] of state.members()) {
      const server = user.slice(user.indexOf(':') + 1);
      if (membership === 'join' && isServerName(server)) servers.add(server);
    }
    if (partial === undefined) this.#servers.set(stateId, servers);
    return servers;
  }
}
