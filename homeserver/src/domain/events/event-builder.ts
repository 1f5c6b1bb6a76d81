import { buildEvent } from '@nyx/federation/events/builder.ts';
import { EventFormatError } from '@nyx/federation/events/errors.ts';
import { roomIdOfCreate } from '@nyx/federation/events/event-id.ts';
import { selectAuthEvents } from '@nyx/federation/auth/select-auth-events.ts';
import type { Pdu } from '@nyx/federation/events/pdu.ts';
import type { JsonObject } from '@nyx/federation/json/value.ts';
import type { RoomVersionRules } from '@nyx/federation/room-versions/rules.ts';
import type { Signer } from '@nyx/federation/signing/keys.ts';
import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { UserId } from '@nyx/federation/spec/identifiers/user-id.ts';
import type { Clock } from '../../ports/clock.ts';
import { DomainError } from '../errors.ts';
import { authLookup, requireAuthorised } from './authorise.ts';
import { extendRoom, type Extended } from './extend-room.ts';
import type { RoomHead } from './room-head.ts';
import type { PolicyServers } from './policy-servers.ts';
import { RoomState } from './room-state.ts';
import type { StagedEvents } from './staged-events.ts';
import type { StoredEvent, TransactionKey } from './stored-event.ts';
import type { ChainIndex } from './chain-index.ts';
import type { Random } from '../../ports/random.ts';

/** Most extremities that an event of ours joins together; what is left over is joined by the next. */
const MAX_PREV_EVENTS_OF_OURS = 10;

/** What a client of this server wants to be an event. */
export type EventRequest = {
  readonly type: string;
  readonly sender: UserId;
  readonly stateKey?: string | undefined;
  readonly content: JsonObject;
  readonly redacts?: EventId | undefined;
  /** Milliseconds since the epoch; now when not given (application services may choose). */
  readonly timestamp?: number | undefined;
  readonly transaction?: TransactionKey | undefined;
};

export type EventBuilderDeps = {
  readonly signer: Signer;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: StagedEvents;
  readonly chains: ChainIndex;
  readonly policies: PolicyServers;
};

/** Makes events of this server: builds them on a head, authorises, hashes and signs. */
export class EventBuilder {
  readonly #deps: EventBuilderDeps;

  #lastCreation = 0;

  constructor(deps: EventBuilderDeps) {
    this.#deps = deps;
  }

  /** An event that is stored, or on its way there. */
  find(id: EventId): Promise<StoredEvent | undefined> {
    return this.#deps.events.get(id);
  }

  /**
   * The event, and the room with it on top. Throws `forbidden` when the room's rules do not allow it, `too_large` or
   * `bad_json` when it cannot be an event, and what the room's policy server answers when it is against it.
   */
  async build(tip: RoomHead, request: EventRequest): Promise<Extended> {
    const { clock, random, events } = this.#deps;
    const authIds = selectAuthEvents(tip.rules, request, (type, key) => tip.state.get(type, key));
    const authEvents = await events.getAll(authIds);
    const own = this.#sign(tip.rules, request, {
      roomId: tip.room,
      prevEvents: tip.extremities.slice(0, MAX_PREV_EVENTS_OF_OURS),
      authEvents: authIds,
      depth: tip.depth + 1,
      originServerTs: request.timestamp ?? clock.now(),
    });
    requireAuthorised(tip.rules, own, await authLookup(tip.rules, own, tip.state, events));
    const pdu = await this.#deps.policies.signed(tip, own);
    const extended = extendRoom({
      head: tip,
      pdu,
      random,
      receivedAt: clock.now(),
      transaction: request.transaction,
      chain: await this.#deps.chains.place(pdu, authEvents, tip.state),
    });
    events.stage(extended.event);
    return extended;
  }

  /** The first event of a room, which decides its id and rules. */
  async create(
    rules: RoomVersionRules,
    roomId: RoomId | undefined,
    request: EventRequest,
  ): Promise<Extended> {
    const { clock, random, events, chains } = this.#deps;
    const pdu = this.#sign(rules, request, {
      roomId,
      prevEvents: [],
      authEvents: [],
      depth: 1,
      originServerTs: request.timestamp ?? this.#creationTime(),
    });
    const room = roomId ?? roomIdOfCreate(pdu.eventId);
    requireAuthorised(rules, pdu, () => undefined);
    const extended = extendRoom({
      head: { room, rules, pos: 0, stream: 0, depth: 0, extremities: [], state: RoomState.empty },
      pdu,
      random,
      receivedAt: clock.now(),
      chain: await chains.place(pdu, new Map(), RoomState.empty),
    });
    events.stage(extended.event);
    return extended;
  }

  /** From version 12 on the id is a hash: rooms that a user makes in one millisecond would be the same room. */
  #creationTime(): number {
    this.#lastCreation = Math.max(this.#deps.clock.now(), this.#lastCreation + 1);
    return this.#lastCreation;
  }

  #sign(
    rules: RoomVersionRules,
    request: EventRequest,
    place: {
      roomId: RoomId | undefined;
      prevEvents: readonly EventId[];
      authEvents: readonly EventId[];
      depth: number;
      originServerTs: number;
    },
  ): Pdu {
    const { type, sender, stateKey, content, redacts } = request;
    try {
      return buildEvent(rules, { ...place, type, sender, stateKey, content, redacts }, this.#deps.signer);
    } catch (error) {
      if (!(error instanceof EventFormatError)) throw error;
      const code = error.field === 'size' ? 'too_large' : 'bad_json';
      throw new DomainError(code, error.message, { cause: error });
    }
  }
}
