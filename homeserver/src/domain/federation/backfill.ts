import { authorise } from '@nyx/federation/auth/authorise.ts';
import { openPdu, type OpenedPdu } from '@nyx/federation/checks/open-pdu.ts';
import { checkSignatures, keysNeeded } from '@nyx/federation/checks/receive-pdu.ts';
import type { EventKeys } from '@nyx/federation/checks/ports.ts';
import type { PeerApi } from '@nyx/federation/http/peer-api.ts';
import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import { isServerName, type ServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import type { RemoteHistory } from '../../ports/remote-history.ts';
import type { Pdu } from '@nyx/federation/events/pdu.ts';
import { EventType } from '@nyx/federation/spec/event-types.ts';
import { authLookup } from '../events/authorise.ts';
import type { PersistEvents } from '../events/persist-events.ts';
import type { InboundEvent } from '../events/place-inbound.ts';
import type { LiveRoom } from '../events/room-heads.ts';
import { stateKey, stateValue, type RoomState, type StateValue } from '../events/room-state.ts';
import { membershipOf, type StoredEvent } from '../events/stored-event.ts';
import type { RoomReads } from '../rooms/room-reads.ts';
import type { AdmitEvents } from './admit-events.ts';
import type { FetchMissing } from './fetch-missing.ts';
import type { RoomLanes } from './room-lanes.ts';

export type BackfillDeps = {
  readonly rooms: RoomReads;
  readonly persist: PersistEvents;
  readonly admit: AdmitEvents;
  readonly missing: FetchMissing;
  readonly keys: EventKeys;
  readonly peers: PeerApi;
};

/** Servers asked before the user gets what there is. */
const MAX_SERVERS = 4;
const MAX_EVENTS = 100;
/** States fetched for one page of history: each is a request. */
const MAX_STATES = 4;
/** Smaller than the distance between any two positions. */
const NEXT_TO = 2 ** -30;

/** Fetches history from other servers when somebody scrolls there (spec: Server-Server API, Backfilling). */
export class Backfill implements RemoteHistory {
  readonly #deps: BackfillDeps;
  readonly #server: ServerName;
  readonly #lanes: RoomLanes;

  constructor(deps: BackfillDeps, server: ServerName, lanes: RoomLanes) {
    this.#deps = deps;
    this.#server = server;
    this.#lanes = lanes;
  }

  backfill(room: RoomId, pos: number, limit: number): Promise<boolean> {
    return this.#lanes.run(room, () => this.#backfill(room, pos, limit));
  }

  async #backfill(room: RoomId, pos: number, limit: number): Promise<boolean> {
    const { rooms, peers, persist } = this.#deps;
    const live = await rooms.find(room);
    const { above, floor } = await this.#place(room, pos);
    if (live === undefined || above?.gapBefore !== true) return above !== undefined;
    const servers = [...live.tally.servers.keys()].filter(isServerName);
    for (const server of servers.filter((name) => name !== this.#server).slice(0, MAX_SERVERS)) {
      const jsons = await peers
        .backfill(server, room, [above.id], Math.min(limit, MAX_EVENTS) + 1)
        .catch(() => []);
      const opened = await this.#check(live, above.id, jsons);
      const history = await this.#history(server, live, above, opened);
      if (history.length === 0) continue;
      const stored = await persist.persistHistory(live.head.rules, pos, floor, history);
      if (stored === 0) continue;
      await persist.closeGap(above);
      return true;
    }
    return false;
  }

  /** The event above the gap, and the position of the next one below it. */
  async #place(room: RoomId, pos: number): Promise<{ above: StoredEvent | undefined; floor: number }> {
    const [above, below] = await this.#deps.rooms.engine.reader.page({
      room,
      direction: 'backward',
      from: pos + NEXT_TO,
      limit: 2,
    });
    return { above: above?.pos === pos ? above : undefined, floor: below?.pos ?? Number.NEGATIVE_INFINITY };
  }

  /** Well-formed, signed events of the room that have no place in it yet, oldest first. */
  async #check(live: LiveRoom, above: EventId, jsons: readonly object[]): Promise<OpenedPdu[]> {
    const { keys, rooms } = this.#deps;
    const opened = new Map<EventId, OpenedPdu>();
    for (const json of jsons) {
      const one = openPdu(live.head.rules, json as Parameters<typeof openPdu>[1]);
      if (!('field' in one) && one.pdu.roomId === live.head.room && one.pdu.eventId !== above)
        opened.set(one.pdu.eventId, one);
    }
    const known = await rooms.engine.events.getAll(opened.keys());
    for (const [id, { pos, standing }] of known)
      if (pos !== undefined || standing === 'rejected') opened.delete(id);
    await keys.fetch(keysNeeded([...opened.values()]));
    return [...opened.values()]
      .filter((one) => checkSignatures(one, keys) === undefined)
      .sort((left, right) => left.pdu.depth - right.pdu.depth);
  }

  /** The events with the state before each, newest first; what its state does not allow is left out. */
  async #history(
    server: ServerName,
    live: LiveRoom,
    above: StoredEvent,
    opened: readonly OpenedPdu[],
  ): Promise<readonly InboundEvent[]> {
    const { persist, missing, admit, rooms } = this.#deps;
    const { rules, room } = live.head;
    const history: InboundEvent[] = [];
    let fetches = 0;
    await this.#knowAuthors(server, live, opened);
    const derived = await this.#derived(above, opened);
    for (const { pdu } of opened) {
      let gapBefore = false;
      let stateBefore = await persist.stateBefore(room, rules, pdu.prevEvents);
      if (stateBefore === undefined) {
        gapBefore = true;
        stateBefore = await derived(pdu);
      }
      if (stateBefore === undefined && fetches++ < MAX_STATES) {
        stateBefore = await missing.stateBefore(server, live, pdu);
      }
      if (stateBefore === undefined) continue;
      const auth = await admit.known(pdu.authEvents);
      if (pdu.authEvents.some((id) => !auth.has(id))) await missing.authEvents(server, live, pdu);
      const lookup = await authLookup(rules, pdu, stateBefore, rooms.engine.events);
      if (!authorise(rules, pdu, lookup).allowed) continue;
      // Kept apart at first, so that the next event finds the state after it.
      await persist.persistApart(rules, [pdu], 'outlier', stateBefore);
      history.push({ pdu, stateBefore, gapBefore });
    }
    return history.reverse();
  }

  /** What the events name as their authority: mostly the memberships of their senders. */
  async #knowAuthors(server: ServerName, live: LiveRoom, opened: readonly OpenedPdu[]): Promise<void> {
    const { admit, missing } = this.#deps;
    const here = new Set(opened.map(({ pdu }) => pdu.eventId));
    const named = new Set(opened.flatMap(({ pdu }) => pdu.authEvents).filter((id) => !here.has(id)));
    const known = await admit.known(named);
    const unknown = [...named].filter((id) => !known.has(id));
    if (unknown.length > 0) await missing.events(server, live, unknown);
  }

  /**
   * Works out states backwards from the event above, as far as the events lead there one by one: a message changes
   * nothing, and before a member event there was the membership among its auth events. It spares asking for the whole
   * state, which in a large room is what takes the time.
   */
  async #derived(
    above: StoredEvent,
    opened: readonly OpenedPdu[],
  ): Promise<(pdu: Pdu) => Promise<RoomState | undefined>> {
    const { admit, persist, rooms } = this.#deps;
    const changes = new Map<string, StateValue>();
    const at = new Map<EventId, ReadonlyMap<string, StateValue>>();
    const byId = new Map(opened.map(({ pdu }) => [pdu.eventId, pdu]));
    let [next, ...others] = above.pdu.prevEvents;
    for (let pdu = next && byId.get(next); pdu && others.length === 0; pdu = next && byId.get(next)) {
      if (pdu.stateKey !== undefined) {
        if (pdu.type !== EventType.Member) break;
        const { stateKey: member, authEvents } = pdu;
        const auth = await admit.known(authEvents);
        if (authEvents.some((id) => !auth.has(id) && !byId.has(id))) break;
        const earlier = authEvents
          .map((id) => auth.get(id)?.pdu ?? byId.get(id))
          .find((one) => one?.type === EventType.Member && one.stateKey === member);
        const value = earlier === undefined ? '' : stateValue(earlier.eventId, membershipOf(earlier));
        changes.set(stateKey(EventType.Member, member), value);
      }
      at.set(pdu.eventId, new Map(changes));
      byId.delete(pdu.eventId);
      [next, ...others] = pdu.prevEvents;
    }
    return async (pdu) => {
      const found = at.get(pdu.eventId);
      if (found === undefined || above.stateBefore === undefined) return undefined;
      const state = await rooms.engine.states.get(above.stateBefore);
      return found.size === 0 ? state : persist.stateWith(state, found, pdu.roomId);
    };
  }
}
