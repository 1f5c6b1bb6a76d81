import type { JudgedPdu } from '../auth/check-auth-events.ts';
import type { StatePlace } from '../auth/select-auth-events.ts';
import type { StateLookup } from '../auth/state-lookup.ts';
import type { Pdu } from '../events/pdu.ts';
import type { KeyRequest } from '../signing/key-ring.ts';
import type { VerifyKey } from '../signing/keys.ts';
import type { EventId } from '../spec/identifiers/event-id.ts';
import type { KeyId } from '../spec/identifiers/key-id.ts';
import type { ServerName } from '../spec/identifiers/server-name.ts';

/** Other servers' keys: `KeyRing` is one. */
export interface EventKeys {
  /** Makes keys known where that can be done. */
  fetch(requests: readonly KeyRequest[]): Promise<void>;
  /** A key that was valid at a time, if known. */
  lookup(server: ServerName, keyId: KeyId, at: number): VerifyKey | undefined;
  /** A key whenever it was valid, if known: for room versions that do not enforce validity. */
  lookupAnyTime(server: ServerName, keyId: KeyId): VerifyKey | undefined;
}

/** The events that authorise others. */
export interface AuthEvents {
  /**
   * The events with these ids, judged when they were received. An implementation may fetch missing ones from the sending
   * server, within its bounds; those that it cannot get are left out.
   */
  load(event: Pdu, ids: readonly EventId[]): Promise<ReadonlyMap<EventId, JudgedPdu>>;
}

/** A room's state. Only the places named need to be answered: a room may have a hundred thousand members. */
export interface RoomStates {
  /** The state before an event, that is the resolution of the states after its previous events; undefined if that cannot be known. */
  before(event: Pdu, places: readonly StatePlace[]): Promise<StateLookup | undefined>;
  /** The current state, over all forward extremities; undefined in a room that has none, because we are joining it. */
  current(event: Pdu, places: readonly StatePlace[]): Promise<StateLookup | undefined>;
}

/** The room's policy server (spec: Server-Server API, Policy Servers), and whatever else speaks against an event. */
export interface EventPolicy {
  /** Whether an event that the rules allow is recommended for inclusion. */
  recommends(event: Pdu): Promise<boolean>;
}

/** What the receipt checks need from outside. */
export type ReceiptPorts = {
  readonly keys: EventKeys;
  readonly authEvents: AuthEvents;
  readonly states: RoomStates;
  readonly policy?: EventPolicy;
};
