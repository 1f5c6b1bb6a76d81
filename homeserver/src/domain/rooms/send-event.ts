import type { JsonObject } from '@nyx/federation/json/value.ts';
import { EventType } from '@nyx/federation/spec/event-types.ts';
import { isEventId, type EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { UserId } from '@nyx/federation/spec/identifiers/user-id.ts';
import { DomainError } from '../errors.ts';
import { staleEpoch, type EpochGuard } from '../e2ee/rotation/guard-epoch.ts';
import { relationOf, relationOfContent, type TransactionKey } from '../events/stored-event.ts';
import type { LocalEvents } from './local-events.ts';
import type { RedactEvent } from './redact-event.ts';
import type { RoomReads } from './room-reads.ts';

export type SendRequest = {
  readonly room: RoomId;
  readonly user: UserId;
  readonly device: string;
  readonly type: string;
  readonly txnId: string;
  readonly content: JsonObject;
  /** Only for application services. */
  readonly timestamp?: number | undefined;
};

/** Newest relations of an event that are searched for a repeat. */
const MAX_ANNOTATIONS = 1_000;

const transactionOf = ({ room, type, user, device, txnId }: SendRequest): TransactionKey => ({
  user,
  device,
  path: `send/${room}/${type}`,
  txnId,
});

/** Sends message events (spec: Client-Server API, PUT send). */
export class SendEvent {
  readonly #rooms: RoomReads;
  readonly #local: LocalEvents;
  readonly #redact: RedactEvent;
  readonly #epochs: EpochGuard;

  constructor(rooms: RoomReads, local: LocalEvents, redact: RedactEvent, epochs: EpochGuard) {
    this.#rooms = rooms;
    this.#local = local;
    this.#redact = redact;
    this.#epochs = epochs;
  }

  /** Answers the event's id; a repeated transaction id answers the first event's. */
  async send(request: SendRequest): Promise<EventId> {
    const { room, user, device, type, content, txnId } = request;
    if (type === EventType.Redaction && isEventId(content.redacts)) {
      const { redacts: target, ...rest } = content;
      return this.#redact.redact({ room, user, device, target, txnId, content: rest });
    }
    await this.#checkAnnotation(request);
    await this.#checkEpoch(request);
    return this.#local.append(room, {
      type,
      sender: user,
      content,
      timestamp: request.timestamp,
      transaction: transactionOf(request),
    });
  }

  /** A repeat of what was sent before somebody left gets the answer it got then. */
  async #checkEpoch(request: SendRequest): Promise<void> {
    const departure = await this.#epochs.staleAfter(request.room, request.content);
    if (departure === undefined) return;
    const sent = await this.#rooms.engine.lookups.byTransaction(transactionOf(request));
    if (sent === undefined) throw staleEpoch(departure);
  }

  /** A user annotates an event with the same key once (spec: Client-Server API, avoiding duplicate annotations). */
  async #checkAnnotation({ room, user, type, content, device, txnId }: SendRequest): Promise<void> {
    const relation = relationOfContent(content);
    if (relation?.relType !== 'm.annotation' || relation.key === undefined) return;
    const { target, key } = relation;
    const { relations } = this.#rooms.engine;
    const related = await relations.relating({
      room,
      target,
      relType: 'm.annotation',
      sender: user,
      direction: 'backward',
      limit: MAX_ANNOTATIONS,
    });
    const repeated = related.find(
      ({ pdu }) => pdu.sender === user && pdu.type === type && relationOf(pdu)?.key === key,
    );
    if (repeated === undefined) return;
    const { transaction } = repeated;
    if (transaction?.device === device && transaction.txnId === txnId) return;
    throw new DomainError('duplicate_annotation', 'You have sent this annotation already');
  }
}
