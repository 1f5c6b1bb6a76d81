import { authorise } from '@nyx/federation/auth/authorise.ts';
import {
  checkAuthEvents,
  stateOfAuthEvents,
  type JudgedPdu,
} from '@nyx/federation/auth/check-auth-events.ts';
import { openPdu, type OpenedPdu } from '@nyx/federation/checks/open-pdu.ts';
import type { EventKeys } from '@nyx/federation/checks/ports.ts';
import { checkSignatures, keysNeeded } from '@nyx/federation/checks/receive-pdu.ts';
import { createEventIdOf } from '@nyx/federation/events/event-id.ts';
import type { Pdu } from '@nyx/federation/events/pdu.ts';
import type { JsonObject } from '@nyx/federation/json/value.ts';
import type { RoomVersionRules } from '@nyx/federation/room-versions/rules.ts';
import { EventType } from '@nyx/federation/spec/event-types.ts';
import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { EventCache } from '../events/event-cache.ts';
import type { PersistEvents } from '../events/persist-events.ts';
import type { LiveRoom } from '../events/room-heads.ts';
import { stateKey } from '../events/room-state.ts';

/** Which room events are taken in for. The create event is given once the room is known here: it has no other. */
export type RoomScope = { readonly room: RoomId; readonly create?: EventId };

/** Signature checks between two turns of the event loop: about a millisecond's worth. */
const CHECKS_PER_TURN = 16;

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

/**
 * Takes in events that others give as auth events and state: format, signatures and their own auth events are checked;
 * their place in the room is not known. They are kept as outliers, or as rejected.
 */
export class AdmitEvents {
  readonly #keys: EventKeys;
  readonly #events: EventCache;
  readonly #persist: PersistEvents;

  constructor(keys: EventKeys, events: EventCache, persist: PersistEvents) {
    this.#keys = keys;
    this.#events = events;
    this.#persist = persist;
  }

  /**
   * Checks and stores events of a room.
   *
   * @returns those that may be used, by id: the ones known before, and the new ones that are good or rejected. What is
   * malformed, badly signed, of another room, or lacks an auth event is not among them.
   */
  async admit(
    rules: RoomVersionRules,
    scope: RoomScope,
    jsons: readonly JsonObject[],
  ): Promise<Map<EventId, JudgedPdu>> {
    const opened = new Map<EventId, OpenedPdu>();
    for (const json of jsons) {
      const one = openPdu(rules, json);
      if (!('field' in one) && isWithin(scope, one.pdu)) opened.set(one.pdu.eventId, one);
    }
    const judged = await this.known(opened.keys());
    for (const id of judged.keys()) opened.delete(id);
    await this.#dropUnsigned(opened);
    const outside = [...opened.values()].flatMap(({ pdu }) => authIdsOf(rules, pdu));
    for (const [id, one] of await this.known(outside.filter((id) => !opened.has(id)))) judged.set(id, one);
    const accepted: Pdu[] = [];
    const rejected: Pdu[] = [];
    for (const { pdu } of inAuthOrder(rules, opened)) {
      const verdict = judge(rules, pdu, judged);
      if (verdict === undefined) continue;
      judged.set(pdu.eventId, { pdu, rejected: !verdict });
      (verdict ? accepted : rejected).push(pdu);
    }
    await this.#persist.persistOutliers(rules, accepted);
    await this.#persist.persistApart(rules, rejected, 'rejected');
    return judged;
  }

  /** Events that are stored, with what was made of them. */
  async known(ids: Iterable<EventId>): Promise<Map<EventId, JudgedPdu>> {
    const found = await this.#events.getAll(ids);
    return new Map(
      [...found].map(([id, { pdu, standing }]) => [id, { pdu, rejected: standing === 'rejected' }]),
    );
  }

  async #dropUnsigned(opened: Map<EventId, OpenedPdu>): Promise<void> {
    await this.#keys.fetch(keysNeeded([...opened.values()]));
    let checks = 0;
    for (const [id, one] of opened) {
      if (checkSignatures(one, this.#keys) !== undefined) opened.delete(id);
      if (++checks % CHECKS_PER_TURN === 0) await nextTurn();
    }
  }
}

/** The scope of a room that is known here. */
export function scopeOf({ head }: LiveRoom): RoomScope {
  const create = head.state.get(EventType.Create, '');
  return { room: head.room, ...(create === undefined ? {} : { create }) };
}

/**
 * Whether an event may be used in a room. Before room version 12 whoever made the room can sign a second create event, on
 * which nothing here may rest.
 */
function isWithin({ room, create }: RoomScope, pdu: Pdu): boolean {
  if (pdu.roomId !== room) return false;
  return pdu.type !== EventType.Create || create === undefined || pdu.eventId === create;
}

/**
 * The events of a state as another server lists it, without those that were rejected here. Undefined when it cannot be a
 * state of the room: an event is not known, is of another room, is no state event, or shares its place with another, or
 * the room's create event is not there. Events of another room would bring their power with them: state resolution fills
 * in what is contested from the events' own auth events.
 */
export function stateListed(
  scope: RoomScope,
  ids: Iterable<EventId>,
  judged: ReadonlyMap<EventId, JudgedPdu>,
): readonly EventId[] | undefined {
  const state = new Map<string, EventId>();
  for (const id of new Set(ids)) {
    const one = judged.get(id);
    if (one?.pdu.stateKey === undefined || !isWithin(scope, one.pdu)) return undefined;
    if (one.rejected) continue;
    const place = stateKey(one.pdu.type, one.pdu.stateKey);
    if (state.has(place)) return undefined;
    state.set(place, id);
  }
  return state.has(stateKey(EventType.Create, '')) ? [...state.values()] : undefined;
}

/** The events that authorise one, the create event of its room among them. */
export function authIdsOf(rules: RoomVersionRules, pdu: Pdu): readonly EventId[] {
  if (pdu.type === EventType.Create || !rules.auth.createImpliedByRoomId) return pdu.authEvents;
  const createId = createEventIdOf(pdu.roomId);
  return createId === undefined ? pdu.authEvents : [...pdu.authEvents, createId];
}

/** Whether its auth events allow an event; undefined when one of them is not known. */
function judge(
  rules: RoomVersionRules,
  pdu: Pdu,
  judged: ReadonlyMap<EventId, JudgedPdu>,
): boolean | undefined {
  if (pdu.type === EventType.Create) return authorise(rules, pdu, () => undefined).allowed;
  const listed: JudgedPdu[] = [];
  for (const id of pdu.authEvents) {
    const one = judged.get(id);
    if (one === undefined) return undefined;
    listed.push(one);
  }
  const createId = rules.auth.createImpliedByRoomId ? createEventIdOf(pdu.roomId) : undefined;
  const create = createId === undefined ? undefined : judged.get(createId);
  if (createId !== undefined && create === undefined) return undefined;
  if (checkAuthEvents(rules, pdu, listed, create) !== undefined) return false;
  return authorise(rules, pdu, stateOfAuthEvents(rules, listed, create)).allowed;
}

/** Auth events before what they authorise. What leads in a circle is left out. */
function inAuthOrder(rules: RoomVersionRules, opened: ReadonlyMap<EventId, OpenedPdu>): OpenedPdu[] {
  const waiting = new Map<EventId, number>();
  const dependants = new Map<EventId, OpenedPdu[]>();
  const ready: OpenedPdu[] = [];
  for (const [id, one] of opened) {
    const within = new Set(authIdsOf(rules, one.pdu).filter((auth) => opened.has(auth)));
    waiting.set(id, within.size);
    if (within.size === 0) ready.push(one);
    for (const auth of within) dependants.set(auth, [...(dependants.get(auth) ?? []), one]);
  }
  const ordered: OpenedPdu[] = [];
  for (let one = ready.pop(); one !== undefined; one = ready.pop()) {
    ordered.push(one);
    for (const next of dependants.get(one.pdu.eventId) ?? []) {
      const left = (waiting.get(next.pdu.eventId) ?? 0) - 1;
      waiting.set(next.pdu.eventId, left);
      if (left === 0) ready.push(next);
    }
  }
  return ordered;
}
