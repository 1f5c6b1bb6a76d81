import { openPdu, type OpenedPdu } from '@nyx/federation/checks/open-pdu.ts';
import { authoriseReceived, checkSignatures, keysNeeded } from '@nyx/federation/checks/receive-pdu.ts';
import type { Receipt } from '@nyx/federation/checks/receive-pdu.ts';
import { describeDecision } from '@nyx/federation/auth/decision.ts';
import type { Pdu } from '@nyx/federation/events/pdu.ts';
import { EventType } from '@nyx/federation/spec/event-types.ts';
import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import { isUserId, userIdServer } from '@nyx/federation/spec/identifiers/user-id.ts';
import type { ServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import type { InboundEvent } from '../events/place-inbound.ts';
import type { LiveRoom } from '../events/room-heads.ts';
import type { Redactions } from '../rooms/redactions.ts';
import type { ForeignRooms } from './foreign-rooms.ts';
import type { RoomAccess } from './room-access.ts';
import { ReceiptContext, type ReceiptDeps } from './receipt-context.ts';
import type { StagedPdu } from '../../ports/federation-stores.ts';

/**
 * What became of a received event: nothing to say, or why it was not taken. With `missing`, what it rests on could not
 * be had just now, so that nothing can be said of it yet.
 */
export type PduFate = { readonly error?: string; readonly missing?: true };

/** What became of one of several events: its fate, or why this server failed to find out. */
export type PduOutcome = PduFate | { readonly failure: unknown };

export type ProcessPduDeps = ReceiptDeps & {
  readonly redactions: Redactions;
  readonly access: RoomAccess;
  readonly foreign: ForeignRooms;
};

const TAKEN: PduFate = {};

/** Checks of events between two turns of the event loop: a few milliseconds' worth. */
const CHECKS_PER_TURN = 16;

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Takes one received event through the checks of receipt, fetching what is missing, and stores what comes of it. */
export class ProcessPdu {
  readonly #deps: ProcessPduDeps;

  constructor(deps: ProcessPduDeps) {
    this.#deps = deps;
  }

  /**
   * Takes in events of one room in the order of arrival, and answers in step. Must be called by one caller per room at
   * a time. What can be judged together is stored by one write.
   */
  async process(staged: readonly StagedPdu[]): Promise<PduOutcome[]> {
    const outcomes: PduOutcome[] = [];
    for (let at = 0; at < staged.length; at = outcomes.length) {
      const rest = staged.slice(at);
      // Whatever fails here fails again below, for its event alone.
      const run = await this.#messages(rest).catch(() => []);
      const [next] = rest;
      if (run.length > 1) outcomes.push(...(await this.#storeMessages(run)));
      else if (next !== undefined) outcomes.push(await orFailure(() => this.#one(next)));
    }
    return outcomes;
  }

  /**
   * The messages at the beginning that were said one after the other on top of the room as it is here, and are allowed:
   * the state before each is the current one, and none of them changes it.
   */
  async #messages(staged: readonly StagedPdu[]): Promise<InboundEvent[]> {
    const { rooms, keys, access } = this.#deps;
    const [first] = staged;
    if (first === undefined) return [];
    const live = await rooms.find(first.room);
    if (live === undefined || !access.isOurs(live)) return [];
    const { state, rules, extremities } = live.head;
    const opened: OpenedPdu[] = [];
    let before: ReadonlySet<EventId> = new Set(extremities);
    for (const { json } of staged) {
      const one = openPdu(rules, json);
      if ('field' in one || !isMessage(one.pdu) || !followsAll(one.pdu, before)) break;
      opened.push(one);
      before = new Set([one.pdu.eventId]);
    }
    if (opened.length < 2) return [];
    const known = await rooms.engine.events.getAll(opened.map(({ pdu }) => pdu.eventId));
    await keys.fetch(keysNeeded(opened));
    const run: InboundEvent[] = [];
    for (const [index, one] of opened.entries()) {
      if (index % CHECKS_PER_TURN === CHECKS_PER_TURN - 1) await nextTurn();
      if (known.has(one.pdu.eventId) || checkSignatures(one, keys) !== undefined) break;
      const context = new ReceiptContext(this.#deps, staged[index]?.origin ?? first.origin, live, state);
      const receipt = await authoriseReceived(one, context);
      if (receipt.outcome !== 'accept' && receipt.outcome !== 'redact') break;
      run.push({ pdu: context.signed ?? receipt.pdu, stateBefore: state });
    }
    return run;
  }

  async #storeMessages(run: readonly InboundEvent[]): Promise<PduOutcome[]> {
    const { persist, rooms } = this.#deps;
    const [first] = run;
    const stored = await orFailure(async () => {
      const room = first && (await rooms.require(first.pdu.roomId));
      if (room !== undefined) await persist.persist(room.head.room, room.head.rules, run);
      return TAKEN;
    });
    return run.map(() => stored);
  }

  async #one(staged: StagedPdu): Promise<PduFate> {
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
    const ports = new ReceiptContext(this.#deps, origin, live);
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

  async #store(
    live: LiveRoom,
    receipt: Exclude<Receipt, { outcome: 'drop' }>,
    ports: ReceiptContext,
  ): Promise<void> {
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

const isMessage = ({ stateKey, type }: Pdu): boolean =>
  stateKey === undefined && type !== EventType.Redaction;

const followsAll = ({ prevEvents }: Pdu, ids: ReadonlySet<EventId>): boolean =>
  new Set(prevEvents).size === ids.size && prevEvents.every((id) => ids.has(id));

const orFailure = async (work: () => Promise<PduFate>): Promise<PduOutcome> => {
  try {
    return await work();
  } catch (failure) {
    return { failure };
  }
};

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
