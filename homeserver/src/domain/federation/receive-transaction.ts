import { openPdu } from '@nyx/federation/checks/open-pdu.ts';
import type { Edu } from '@nyx/federation/events/edu.ts';
import { claimedRoomId } from '@nyx/federation/events/pdu.ts';
import { parseTransaction, TransactionError } from '@nyx/federation/events/transaction.ts';
import type { Transaction, TransactionPdu } from '@nyx/federation/events/transaction.ts';
import { JsonError } from '@nyx/federation/json/errors.ts';
import { decodeUtf8 } from '@nyx/federation/json/parse.ts';
import type { JsonObject } from '@nyx/federation/json/value.ts';
import { EventType } from '@nyx/federation/spec/event-types.ts';
import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import { isRoomId, type RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { ServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import type { InboundStore, StagedPdu } from '../../ports/federation-stores.ts';
import type { Logger } from '../../ports/logger.ts';
import { DomainError } from '../errors.ts';
import type { RoomReads } from '../rooms/room-reads.ts';
import type { PduFate, ProcessPdu } from './process-pdu.ts';
import type { RoomAccess } from './room-access.ts';
import type { RoomLanes } from './room-lanes.ts';

/** What handles an ephemeral message of another server. It must check that the origin may say so. */
export type EduHandler = (origin: ServerName, content: JsonObject) => Promise<void>;

export type ReceiveTransactionDeps = {
  readonly rooms: RoomReads;
  readonly access: RoomAccess;
  readonly inbound: InboundStore;
  readonly process: ProcessPdu;
  readonly lanes: RoomLanes;
  /** Joins of ours under way: what is sent to a room meanwhile is for it. */
  readonly joins: RoomLanes;
  readonly edus: ReadonlyMap<string, EduHandler>;
};

/** Staged events looked at at once after a restart. */
const RECOVERY_BATCH = 1_000;
/** Postponed events tried again at once. */
const RETRY_BATCH = 200;

/** Receives transactions (spec: Server-Server API, Transactions): one bad event never fails the rest. */
export class ReceiveTransaction {
  readonly #deps: ReceiveTransactionDeps;
  readonly #logger: Logger;
  readonly #running = new Map<string, Promise<string>>();

  constructor(deps: ReceiveTransactionDeps, logger: Logger) {
    this.#deps = deps;
    this.#logger = logger;
  }

  /** The answer, as JSON. The same transaction gets the same answer. Throws `not_json`, `bad_json`, `forbidden`. */
  async receive(origin: ServerName, txnId: string, body: Uint8Array): Promise<string> {
    const { pdus, edus } = readTransaction(origin, body);
    const key = `${origin} ${txnId}`;
    const running = this.#running.get(key);
    if (running !== undefined) return running;
    const answer = this.#receive(origin, txnId, pdus, edus).finally(() => this.#running.delete(key));
    this.#running.set(key, answer);
    return answer;
  }

  /** Works off what was staged before the process ended. Answers how many events there were. */
  async recover(): Promise<number> {
    let count = 0;
    let previous: EventId | undefined;
    for (;;) {
      const staged = await this.#deps.inbound.staged(RECOVERY_BATCH);
      const [first] = staged;
      // What failed stays at the front: it waits for the next start.
      if (first === undefined || first.eventId === previous) return count;
      previous = first.eventId;
      count += staged.length;
      await this.#process(staged);
    }
  }

  /**
   * Tries events again that rest on something that nobody could give when they came: their sender was out of reach.
   * Answers how many.
   */
  async retry(): Promise<number> {
    const due = await this.#deps.inbound.due(RETRY_BATCH);
    await this.#process(due, true);
    return due.length;
  }

  async #receive(
    origin: ServerName,
    txnId: string,
    pdus: readonly TransactionPdu[],
    edus: readonly Edu[],
  ): Promise<string> {
    const { inbound } = this.#deps;
    const before = await inbound.answerTo(origin, txnId);
    if (before !== undefined) return before;
    const [fates] = await Promise.all([this.#pdus(origin, pdus), this.#edus(origin, edus)]);
    const answer = JSON.stringify({ pdus: Object.fromEntries(fates) });
    await inbound.keepAnswer(origin, txnId, answer);
    return answer;
  }

  async #pdus(origin: ServerName, pdus: readonly TransactionPdu[]): Promise<Map<string, PduFate>> {
    const fates = new Map<string, PduFate>();
    const staged: StagedPdu[] = [];
    for (const pdu of pdus) {
      // What cannot be read has no id to be answered under.
      const one = pdu.ok
        ? await this.#sort(origin, pdu.json)
        : { error: pdu.error.message, eventId: undefined };
      if ('error' in one) {
        if (one.eventId !== undefined) fates.set(one.eventId, { error: one.error });
        this.#logger.info({ origin, reason: one.error }, 'refused an event');
      } else staged.push(one);
    }
    await this.#deps.inbound.stage(staged);
    for (const [eventId, fate] of await this.#process(staged)) fates.set(eventId, fate);
    return fates;
  }

  /** Finds the room of an event and whether its origin may send there at all. */
  async #sort(
    origin: ServerName,
    json: JsonObject,
  ): Promise<StagedPdu | { readonly error: string; readonly eventId: EventId | undefined }> {
    const room = claimedRoomId(json);
    if (isRoomId(room)) await this.#deps.joins.settled(room);
    const live = isRoomId(room) ? await this.#deps.rooms.find(room) : undefined;
    if (!isRoomId(room) || live === undefined) {
      return { error: 'this server is not in the room', eventId: undefined };
    }
    const opened = openPdu(live.head.rules, json);
    if ('field' in opened) return { error: opened.message, eventId: undefined };
    const { eventId } = opened.pdu;
    // Of a room that we know by an invite alone, only the end of that invite is for us; see ProcessPdu.
    if (!this.#deps.access.isOurs(live) && opened.pdu.type === EventType.Member)
      return { eventId, room, origin, json };
    try {
      await this.#deps.access.open(room, origin);
    } catch (error) {
      if (error instanceof DomainError) return { error: error.message, eventId };
      throw error;
    }
    return { eventId, room, origin, json };
  }

  /** Works on events in their rooms' lanes; what fails by our own fault stays staged. */
  async #process(staged: readonly StagedPdu[], isRepeated = false): Promise<Map<EventId, PduFate>> {
    const byRoom = new Map<RoomId, StagedPdu[]>();
    for (const pdu of staged) {
      const others = byRoom.get(pdu.room);
      if (others === undefined) byRoom.set(pdu.room, [pdu]);
      else others.push(pdu);
    }
    const fates = new Map<EventId, PduFate>();
    await Promise.all(
      [...byRoom].map(([room, pdus]) =>
        this.#deps.lanes.run(room, () => this.#ofRoom(pdus, isRepeated, fates)),
      ),
    );
    return fates;
  }

  async #ofRoom(
    staged: readonly StagedPdu[],
    isRepeated: boolean,
    fates: Map<EventId, PduFate>,
  ): Promise<void> {
    const { process, inbound } = this.#deps;
    const outcomes = await process.process(staged);
    const done: EventId[] = [];
    for (const [index, pdu] of staged.entries()) {
      const { eventId: event, origin } = pdu;
      const outcome = outcomes[index] ?? {};
      if ('failure' in outcome) {
        this.#logger.error({ err: outcome.failure, event, origin }, 'could not process an event');
        fates.set(event, { error: 'internal error' });
        continue;
      }
      const { error: reason, missing } = outcome;
      if (reason !== undefined && !isRepeated)
        this.#logger.info({ event, origin, reason }, 'refused an event');
      if (missing !== true || !(await inbound.postpone(pdu))) done.push(event);
      fates.set(event, reason === undefined ? {} : { error: reason });
    }
    await inbound.unstage(done);
  }

  async #edus(origin: ServerName, edus: readonly Edu[]): Promise<void> {
    for (const { type, content } of edus) {
      const handle = this.#deps.edus.get(type);
      if (handle === undefined) continue;
      try {
        await handle(origin, content);
      } catch (error) {
        this.#logger.info({ origin, type, err: error }, 'could not handle an ephemeral message');
      }
    }
  }
}

/**
 * Reads a body, of which a bad event fails alone. Throws `not_json`, `bad_json` for what is no transaction or one
 * beyond its limits, `forbidden` when the sender is not who signed.
 */
function readTransaction(origin: ServerName, body: Uint8Array): Transaction {
  const transaction = parse(body);
  if (transaction.origin !== origin) {
    throw new DomainError('forbidden', 'The transaction names another origin than its signature');
  }
  return transaction;
}

function parse(body: Uint8Array): Transaction {
  try {
    return parseTransaction(decodeUtf8(body));
  } catch (error) {
    if (error instanceof JsonError) throw new DomainError('not_json', `The body is ${error.message}`);
    if (error instanceof TransactionError) throw new DomainError('bad_json', error.message);
    throw error;
  }
}
