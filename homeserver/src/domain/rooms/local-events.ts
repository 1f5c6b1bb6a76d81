import { isDeepStrictEqual } from 'node:util';
import { EventType } from '@nyx/federation/spec/event-types.ts';
import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import { LRUCache } from 'lru-cache';
import type { PluginHooks } from '../../ports/plugin-hooks.ts';
import { DomainError } from '../errors.ts';
import type { EventBuilder, EventRequest } from '../events/event-builder.ts';
import type { EventEngine } from '../events/event-engine.ts';
import { wholeRoom } from '../events/whole-room.ts';
import { CommitRefused } from '../events/group-commit.ts';
import type { RoomHead } from '../events/room-head.ts';
import { RoomContended } from '../events/room-writers.ts';
import type { TransactionKey } from '../events/stored-event.ts';

/** Answers of recent transactions, so that most repeats need no look-up. */
const MAX_REMEMBERED = 10_000;

/** Runs in the room's turn, before the event is built; throws to refuse. */
export type Guard = (tip: RoomHead) => Promise<void> | void;

/** Adds events of local users to rooms. */
export class LocalEvents {
  readonly #engine: EventEngine;
  readonly #builder: EventBuilder;
  readonly #plugins: PluginHooks;
  readonly #answers = new LRUCache<string, Promise<EventId>>({ max: MAX_REMEMBERED });

  constructor(engine: EventEngine, builder: EventBuilder, plugins: PluginHooks) {
    this.#engine = engine;
    this.#builder = builder;
    this.#plugins = plugins;
  }

  /**
   * Adds an event and answers its id once it is journaled. A repeat of a transaction, and state that is set to what
   * it is already, answer the event that exists. Throws `forbidden`, `not_found`, `too_large`, `bad_json`.
   */
  append(room: RoomId, request: EventRequest, guard?: Guard): Promise<EventId> {
    const { transaction } = request;
    if (transaction === undefined) return this.#append(room, request, guard);
    const { user, device, path, txnId } = transaction;
    const key = [user, device, path, txnId].join('\u001f');
    const known = this.#answers.get(key);
    if (known !== undefined) return known;
    const answer = this.#once(room, request, transaction, guard);
    this.#answers.set(key, answer);
    answer.catch(() => this.#answers.delete(key));
    return answer;
  }

  async #once(
    room: RoomId,
    request: EventRequest,
    transaction: TransactionKey,
    guard: Guard | undefined,
  ): Promise<EventId> {
    try {
      return await this.#append(room, request, guard);
    } catch (error) {
      // The unique index tells a repeat from before a restart; a repeat may also be no longer allowed.
      const isRepeat = error instanceof CommitRefused && error.reason === 'transaction';
      if (!isRepeat && !(error instanceof DomainError)) throw error;
      const answered = await this.#engine.lookups.byTransaction(transaction);
      if (answered === undefined) throw error;
      return answered;
    }
  }

  async #append(room: RoomId, request: EventRequest, guard: Guard | undefined): Promise<EventId> {
    await this.#screen(room, request);
    await this.#members(room, request);
    try {
      return await this.#engine.writers.write(room, async (tip) => {
        if (tip === undefined) throw new DomainError('not_found', 'Unknown room');
        await guard?.(tip);
        const same = await this.#unchanged(tip, request);
        if (same !== undefined) return { answer: same };
        const { event, layers, head } = await this.#builder.build(tip, request);
        return { add: { events: [event], layers, states: [head.state], head }, answer: event.id };
      });
    } catch (error) {
      if (!(error instanceof RoomContended)) throw error;
      throw new DomainError('unavailable', 'The room is too busy, try again', {
        retryAfterMs: 500,
        cause: error,
      });
    }
  }

  /** Plugins are asked before the room's turn is taken. Memberships have hooks of their own, and who leaves may. */
  #screen(room: RoomId, { type, sender, stateKey, content }: EventRequest): Promise<void> | undefined {
    if (type === EventType.Member) return undefined;
    return this.#plugins.check('checkEvent', () => ({
      event: { roomId: room, sender, type, content, ...(stateKey === undefined ? {} : { stateKey }) },
    }));
  }

  /** What is done to a member waits until all members are known: their current membership decides about it. */
  async #members(room: RoomId, { type, stateKey }: EventRequest): Promise<void> {
    if (type !== EventType.Member || stateKey === undefined) return;
    const live = await this.#engine.heads.get(room);
    if (live?.head.state.partial === undefined || live.head.state.membership(stateKey) !== undefined) return;
    await wholeRoom(this.#engine.heads, room);
  }

  /** The current state event if the request would set the same again. */
  async #unchanged(tip: RoomHead, request: EventRequest): Promise<EventId | undefined> {
    if (request.stateKey === undefined) return undefined;
    const id = tip.state.get(request.type, request.stateKey);
    const current = id === undefined ? undefined : await this.#builder.find(id);
    if (current?.pdu.sender !== request.sender || current.redactedBy !== undefined) return undefined;
    return isDeepStrictEqual(current.pdu.content, request.content) ? current.id : undefined;
  }
}
