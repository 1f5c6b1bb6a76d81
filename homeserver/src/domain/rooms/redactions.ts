import { EventType } from '@nyx/federation/spec/event-types.ts';
import { isEventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import { userIdServer } from '@nyx/federation/spec/identifiers/user-id.ts';
import type { StoredEvent } from '../events/stored-event.ts';
import { isEncryptionState } from './guard-encryption.ts';
import type { RoomReads } from './room-reads.ts';

/**
 * What a redaction does to its target (spec: room versions 3 and later, handling redactions): nothing unless the sender
 * has the power to redact, or is of the same server as the target's sender. Repeatable; run again after a crash.
 */
export class Redactions {
  readonly #rooms: RoomReads;

  constructor(rooms: RoomReads) {
    this.#rooms = rooms;
  }

  /** Applies a committed redaction. */
  async apply(redaction: StoredEvent): Promise<void> {
    const { engine } = this.#rooms;
    const targetId = redaction.pdu.redacts;
    if (!isEventId(targetId) || redaction.standing !== 'accepted') return;
    const target = await engine.events.get(targetId);
    if (target?.room !== redaction.room || target.redactedBy !== undefined) return;
    if (target.pdu.type === EventType.Create || isEncryptionState(target.pdu)) return;
    if (await this.#isAllowed(redaction, target)) await engine.redact(target, redaction.id);
  }

  async #isAllowed(redaction: StoredEvent, target: StoredEvent): Promise<boolean> {
    if (userIdServer(redaction.pdu.sender) === userIdServer(target.pdu.sender)) return true;
    const live = await this.#rooms.find(redaction.room);
    if (live === undefined || redaction.stateBefore === undefined) return false;
    const state = await this.#rooms.engine.states.get(redaction.stateBefore);
    const power = await this.#rooms.power(live, state);
    return power.ofUser(redaction.pdu.sender) >= power.level('redact');
  }
}
