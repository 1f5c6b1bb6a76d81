import type { JudgedPdu } from '@nyx/federation/auth/check-auth-events.ts';
import type { StateLookup } from '@nyx/federation/auth/state-lookup.ts';
import type { EventKeys, ReceiptPorts } from '@nyx/federation/checks/ports.ts';
import type { Pdu } from '@nyx/federation/events/pdu.ts';
import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { ServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import { DomainError } from '../errors.ts';
import { authLookup } from '../events/authorise.ts';
import type { PersistEvents } from '../events/persist-events.ts';
import type { PolicyServers } from '../events/policy-servers.ts';
import type { LiveRoom } from '../events/room-heads.ts';
import type { RoomState } from '../events/room-state.ts';
import type { RoomReads } from '../rooms/room-reads.ts';
import type { AdmitEvents } from './admit-events.ts';
import type { FetchMissing } from './fetch-missing.ts';

export type ReceiptDeps = {
  readonly rooms: RoomReads;
  readonly persist: PersistEvents;
  readonly admit: AdmitEvents;
  readonly missing: FetchMissing;
  readonly keys: EventKeys;
  readonly policies: PolicyServers;
};

/** The library's questions about one event, answered from storage and, where that lacks something, by its sender. */
export class ReceiptContext implements ReceiptPorts {
  readonly keys: EventKeys;
  readonly authEvents = {
    load: (pdu: Pdu, ids: readonly EventId[]) => this.#authEvents(pdu, ids),
  };
  readonly states = {
    before: (pdu: Pdu) => this.#before(pdu),
    current: (pdu: Pdu) => this.#lookup(this.#live.head.state, pdu),
  };
  readonly policy = { recommends: (pdu: Pdu) => this.#recommends(pdu) };
  readonly #deps: ReceiptDeps;
  readonly #origin: ServerName;
  readonly #live: LiveRoom;
  /** The state before the event, once it was asked for. */
  stateBefore: RoomState | undefined;
  /** Whether a previous event is unknown, so that the state had to be fetched. */
  gapBefore = false;
  /** The event with the signature of the room's policy server, where that had to be asked for. */
  signed: Pdu | undefined;

  /** @param before the state before the event, where that is known already */
  constructor(deps: ReceiptDeps, origin: ServerName, live: LiveRoom, before?: RoomState) {
    this.#deps = deps;
    this.#origin = origin;
    this.#live = live;
    this.stateBefore = before;
    this.keys = deps.keys;
  }

  async #recommends(pdu: Pdu): Promise<boolean> {
    try {
      this.signed = await this.#deps.policies.signed(this.#live.head, pdu);
      return true;
    } catch (error) {
      if (error instanceof DomainError) return false;
      throw error;
    }
  }

  async #authEvents(pdu: Pdu, ids: readonly EventId[]): Promise<ReadonlyMap<EventId, JudgedPdu>> {
    const { admit, missing } = this.#deps;
    const known = await admit.known(ids);
    if (ids.every((id) => known.has(id))) return known;
    await missing.authEvents(this.#origin, this.#live, pdu);
    return admit.known(ids);
  }

  async #before(pdu: Pdu): Promise<StateLookup | undefined> {
    const { persist, missing } = this.#deps;
    const { rules } = this.#live.head;
    if (this.stateBefore !== undefined) return this.#lookup(this.stateBefore, pdu);
    this.stateBefore = await persist.stateBefore(pdu.roomId, rules, pdu.prevEvents);
    if (this.stateBefore === undefined) {
      this.gapBefore = true;
      this.stateBefore = await missing.stateBefore(this.#origin, this.#live, pdu);
    }
    return this.stateBefore && this.#lookup(this.stateBefore, pdu);
  }

  #lookup(state: RoomState, pdu: Pdu): Promise<StateLookup> {
    return authLookup(this.#live.head.rules, pdu, state, this.#deps.rooms.engine.events);
  }
}
