import type { JudgedPdu } from '@nyx/federation/auth/check-auth-events.ts';
import type { StateLookup } from '@nyx/federation/auth/state-lookup.ts';
import { openPdu, type OpenedPdu } from '@nyx/federation/checks/open-pdu.ts';
import type { EventKeys, ReceiptPorts } from '@nyx/federation/checks/ports.ts';
import { authoriseReceived, checkSignatures, keysNeeded } from '@nyx/federation/checks/receive-pdu.ts';
import type { Receipt } from '@nyx/federation/checks/receive-pdu.ts';
import { describeDecision } from '@nyx/federation/auth/decision.ts';
import type { Pdu } from '@nyx/federation/events/pdu.ts';
import { EventType } from '@nyx/federation/spec/event-types.ts';
import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import { isUserId, userIdServer } from '@nyx/federation/spec/identifiers/user-id.ts';
import type { ServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import { DomainError } from '../errors.ts';
import { authLookup } from '../events/authorise.ts';
import type { PersistEvents } from '../events/persist-events.ts';
import type { PolicyServers } from '../events/policy-servers.ts';
import type { LiveRoom } from '../events/room-heads.ts';
import type { RoomState } from '../events/room-state.ts';
import type { Redactions } from '../rooms/redactions.ts';
import type { RoomReads } from '../rooms/room-reads.ts';
import type { AdmitEvents } from './admit-events.ts';
import type { ForeignRooms } from './foreign-rooms.ts';
import type { RoomAccess } from './room-access.ts';
import type { FetchMissing } from './fetch-missing.ts';
import type { StagedPdu } from '../../ports/federation-stores.ts';

/**
 * What became of a received event: nothing to say, or why it was not taken. With `missing`, what it rests on could not
 * be had just now, so that nothing can be said of it yet.
 */
export type PduFate = { readonly error?: string; readonly missing?: true };

export type ProcessPduDeps = {
  readonly rooms: RoomReads;
  readonly persist: PersistEvents;
  readonly admit: AdmitEvents;
  readonly missing: FetchMissing;
  readonly keys: EventKeys;
  readonly redactions: Redactions;
  readonly policies: PolicyServers;
  readonly access: RoomAccess;
  readonly foreign: ForeignRooms;
};

const TAKEN: PduFate = {};

/** Takes one received event through the checks of receipt, fetching what is missing, and stores what comes of it. */
export class ProcessPdu {
  readonly #deps: ProcessPduDeps;

  constructor(deps: ProcessPduDeps) {
    this.#deps = deps;
  }

  /** Must be called by one caller per room at a time, in the order of arrival. */
  async process(staged: StagedPdu): Promise<PduFate> {
    const { rooms } = this.#deps;
    const live = await rooms.find(staged.room);
    if (live === undefined) return { error: 'this server is not in the room' };
    const opened = openPdu(live.head.rules, staged.json);
    if ('field' in opened) return { error: opened.message };
    if (await this.#isKnown(opened.pdu.eventId)) return TAKEN;
    if (!this.#deps.access.isOurs(live)) return this.#withdraw(live, opened);
    return this.#receive(staged.origin, live, opened, true);
  }

  /**
   * The end of an invite to, or a knock on, a room that this server is not in. Its state is not known, so the power of
   * the sender cannot be judged: an invite is withdrawn by the server that made it, which could have let it be.
   */
  async #withdraw(live: LiveRoom, opened: OpenedPdu): Promise<PduFate> {
    const { keys, foreign } = this.#deps;
    const { pdu } = opened;
    const refused = { error: 'this server is not in the room' };
    const { membership } = pdu.content;
    const user = pdu.stateKey;
    if (pdu.type !== EventType.Member || !isUserId(user)) return refused;
    if (membership !== 'leave' && membership !== 'ban') return refused;
    const before = await foreign.membership(pdu.roomId, user);
    const current = before?.pdu.content.membership;
    if (before === undefined || (current !== 'invite' && current !== 'knock')) return refused;
    const isInviter = userIdServer(before.pdu.sender) === userIdServer(pdu.sender);
    if (current === 'invite' && !isInviter) return refused;
    await keys.fetch(keysNeeded([opened]));
    const unsigned = checkSignatures(opened, keys);
    if (unsigned !== undefined) return fateOf(unsigned);
    await foreign.follow(live.head.rules, pdu);
    return TAKEN;
  }

  async #isKnown(id: EventId): Promise<boolean> {
    const stored = await this.#deps.rooms.engine.events.get(id);
    return stored !== undefined && stored.standing !== 'outlier';
  }

  async #receive(
    origin: ServerName,
    live: LiveRoom,
    opened: OpenedPdu,
    mayFillGap: boolean,
  ): Promise<PduFate> {
    const { keys } = this.#deps;
    await keys.fetch(keysNeeded([opened]));
    const unsigned = checkSignatures(opened, keys);
    if (unsigned !== undefined) return fateOf(unsigned);
    if (mayFillGap && (await this.#lacksPrevious(opened.pdu))) await this.#fillGap(origin, live, opened.pdu);
    const ports = new Ports(this.#deps, origin, live);
    const receipt = await authoriseReceived(opened, ports);
    if (receipt.outcome !== 'drop') await this.#store(live, receipt, ports);
    return fateOf(receipt);
  }

  async #lacksPrevious(pdu: Pdu): Promise<boolean> {
    const found = await this.#deps.rooms.engine.events.getAll(pdu.prevEvents);
    return [...new Set(pdu.prevEvents)].some((id) => found.get(id)?.stateAfter === undefined);
  }

  /** Fetches what lies between the room's newest events and this one, and takes it in, oldest first. */
  async #fillGap(origin: ServerName, live: LiveRoom, pdu: Pdu): Promise<void> {
    const jsons = await this.#deps.missing.between(origin, pdu, live.head.extremities);
    const given = new Map<EventId, OpenedPdu>();
    for (const json of jsons) {
      const one = openPdu(live.head.rules, json);
      if (!('field' in one) && one.pdu.roomId === pdu.roomId) given.set(one.pdu.eventId, one);
    }
    const opened = await this.#between(pdu, given);
    opened.sort((left, right) => left.pdu.depth - right.pdu.depth);
    await this.#deps.keys.fetch(keysNeeded(opened));
    for (const one of opened) await this.#receive(origin, live, one, false);
  }

  /**
   * What leads from an event back to what is known here. The peer, which may not know the room's newest events here,
   * goes on beyond that into the past: what is behind a gap (as of the time before this server was in the room) is
   * history, whose state has no part in the present.
   */
  async #between(pdu: Pdu, given: ReadonlyMap<EventId, OpenedPdu>): Promise<OpenedPdu[]> {
    const { engine } = this.#deps.rooms;
    const stored = await engine.events.getAll(given.keys());
    const done = new Set<EventId>();
    for (const [id, { standing }] of stored) if (standing !== 'outlier') done.add(id);
    // The event itself may be of the past, and then so is all that it follows.
    const behind = await engine.lookups.behindGaps(pdu.roomId);
    if (behind.has(pdu.eventId)) return [];
    reachable(behind, given, done);
    return reachable(pdu.prevEvents, given, done.add(pdu.eventId));
  }

  async #store(live: LiveRoom, receipt: Exclude<Receipt, { outcome: 'drop' }>, ports: Ports): Promise<void> {
    const { persist, redactions, rooms } = this.#deps;
    const pdu = ports.signed ?? receipt.pdu;
    const standing = STANDINGS[receipt.outcome];
    const stateBefore = ports.stateBefore;
    await persist.persist(pdu.roomId, live.head.rules, [
      {
        pdu,
        standing,
        ...(stateBefore === undefined ? {} : { stateBefore }),
        gapBefore: ports.gapBefore,
      },
    ]);
    if (standing !== 'accepted' || pdu.type !== EventType.Redaction) return;
    const stored = await rooms.engine.events.get(pdu.eventId);
    if (stored !== undefined) await redactions.apply(stored);
  }
}

/** Those of the events that some ids lead back to, by way of others of them that are not `done`; they are then. */
function reachable(
  from: Iterable<EventId>,
  given: ReadonlyMap<EventId, OpenedPdu>,
  done: Set<EventId>,
): OpenedPdu[] {
  const found: OpenedPdu[] = [];
  const next = [...from];
  for (let id = next.pop(); id !== undefined; id = next.pop()) {
    const one = given.get(id);
    if (one === undefined || done.has(id)) continue;
    done.add(id);
    found.push(one);
    next.push(...one.pdu.prevEvents);
  }
  return found;
}

const STANDINGS = {
  accept: 'accepted',
  redact: 'accepted',
  'soft-fail': 'soft-failed',
  reject: 'rejected',
} as const;

function fateOf(receipt: Receipt): PduFate {
  if (receipt.outcome === 'drop') {
    const isMissing = receipt.reason === 'missing_state' || receipt.reason === 'missing_auth_events';
    return isMissing ? { error: receipt.detail, missing: true } : { error: receipt.detail };
  }
  // A soft-failed event is not the sender's fault: it is kept, and told to nobody.
  if (receipt.outcome === 'reject') return { error: describeDecision(receipt.decision) };
  return TAKEN;
}

/** The library's questions about one event, answered from storage and, where that lacks something, by its sender. */
class Ports implements ReceiptPorts {
  readonly keys: EventKeys;
  readonly authEvents = {
    load: (pdu: Pdu, ids: readonly EventId[]) => this.#authEvents(pdu, ids),
  };
  readonly states = {
    before: (pdu: Pdu) => this.#before(pdu),
    current: (pdu: Pdu) => this.#lookup(this.#live.head.state, pdu),
  };
  readonly policy = { recommends: (pdu: Pdu) => this.#recommends(pdu) };
  readonly #deps: ProcessPduDeps;
  readonly #origin: ServerName;
  readonly #live: LiveRoom;
  /** The state before the event, once it was asked for. */
  stateBefore: RoomState | undefined;
  /** Whether a previous event is unknown, so that the state had to be fetched. */
  gapBefore = false;
  /** The event with the signature of the room's policy server, where that had to be asked for. */
  signed: Pdu | undefined;

  constructor(deps: ProcessPduDeps, origin: ServerName, live: LiveRoom) {
    this.#deps = deps;
    this.#origin = origin;
    this.#live = live;
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
