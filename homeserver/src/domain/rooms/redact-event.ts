import type { JsonObject } from '@nyx/federation/json/value.ts';
import { EventType } from '@nyx/federation/spec/event-types.ts';
import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { UserId } from '@nyx/federation/spec/identifiers/user-id.ts';
import { DomainError } from '../errors.ts';
import { isEncryptionState } from './guard-encryption.ts';
import type { LocalEvents } from './local-events.ts';
import type { Redactions } from './redactions.ts';
import type { RoomReads } from './room-reads.ts';

export type RedactRequest = {
  readonly room: RoomId;
  readonly user: UserId;
  readonly device: string;
  readonly target: EventId;
  readonly txnId: string;
  /** `reason` and whatever else the client adds. */
  readonly content: JsonObject;
};

/** Redacts events for local users (spec: Client-Server API, redactions). */
export class RedactEvent {
  readonly #rooms: RoomReads;
  readonly #local: LocalEvents;
  readonly #redactions: Redactions;

  constructor(rooms: RoomReads, local: LocalEvents, redactions: Redactions) {
    this.#rooms = rooms;
    this.#local = local;
    this.#redactions = redactions;
  }

  /** Sends the redaction and applies it; answers its id. Throws `not_found` for an unknown target, `forbidden`. */
  async redact({ room, user, device, target, txnId, content }: RedactRequest): Promise<EventId> {
    const live = await this.#rooms.requireJoined(room, user);
    const event = await this.#rooms.engine.events.get(target);
    if (event?.room !== room) throw new DomainError('not_found', 'No such event in this room');
    if (isEncryptionState(event.pdu))
      throw new DomainError('forbidden', 'That a room is encrypted cannot be taken back');
    if (event.pdu.sender !== user) {
      const power = await this.#rooms.power(live);
      if (power.ofUser(user) < power.level('redact')) {
        throw new DomainError('forbidden', 'You may not redact events of others in this room');
      }
    }
    const id = await this.#local.append(room, {
      type: EventType.Redaction,
      sender: user,
      content,
      redacts: target,
      transaction: { user, device, path: `redact/${room}/${target}`, txnId },
    });
    const redaction = await this.#rooms.engine.events.get(id);
    if (redaction !== undefined) await this.#redactions.apply(redaction);
    return id;
  }
}
