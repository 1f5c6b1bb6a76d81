import type { RoomVersionRules } from '@nyx/federation/room-versions/rules.ts';
import type { PeerApi } from '@nyx/federation/http/peer-api.ts';
import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import { isServerName, type ServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import { authorise } from '@nyx/federation/auth/authorise.ts';
import { openPdu } from '@nyx/federation/checks/open-pdu.ts';
import type { Logger } from '../../ports/logger.ts';
import { authLookup } from '../events/authorise.ts';
import type { PersistEvents } from '../events/persist-events.ts';
import type { StateLayer } from '../events/room-state.ts';
import type { RoomReads } from '../rooms/room-reads.ts';
import { stateListed, type AdmitEvents } from './admit-events.ts';
import type { RoomLanes } from './room-lanes.ts';

export type CompleteRoomsDeps = {
  readonly peers: PeerApi;
  readonly rooms: RoomReads;
  readonly admit: AdmitEvents;
  readonly persist: PersistEvents;
  readonly lanes: RoomLanes;
  readonly logger: Logger;
};

/** Servers asked for the state in one attempt. */
const MAX_SERVERS = 5;
/** Events that came meanwhile and are judged again, at most. */
const MAX_REVIEWED = 10_000;
const PAGE = 200;

/**
 * Fetches the members of rooms that were joined without them (spec: PUT send_join, `omit_members`). The state at the
 * join is one layer below everything that came since: once it is filled, every state of the room is whole.
 */
export class CompleteRooms {
  readonly #deps: CompleteRoomsDeps;
  readonly #server: ServerName;
  readonly #running = new Map<string, Promise<boolean>>();
  /** By event: who joins waits for it a moment, and the job goes on with the same. */
  readonly #fetching = new Map<EventId, Promise<readonly EventId[] | undefined>>();

  constructor(deps: CompleteRoomsDeps, server: ServerName) {
    this.#deps = deps;
    this.#server = server;
  }

  /** Whether the state is whole now; if not, no server gave it, and the attempt is worth repeating later. */
  complete(layer: StateLayer): Promise<boolean> {
    let running = this.#running.get(layer.id);
    if (running === undefined) {
      running = this.#complete(layer).finally(() => this.#running.delete(layer.id));
      this.#running.set(layer.id, running);
    }
    return running;
  }

  /**
   * The events of the room's state before an event, checked and stored; undefined when the server does not give them.
   */
  fetch(
    server: ServerName,
    rules: RoomVersionRules,
    room: RoomId,
    event: EventId,
  ): Promise<readonly EventId[] | undefined> {
    let fetching = this.#fetching.get(event);
    if (fetching === undefined) {
      fetching = this.#fetch(server, rules, room, event).finally(() => this.#fetching.delete(event));
      this.#fetching.set(event, fetching);
    }
    return fetching;
  }

  async #fetch(
    server: ServerName,
    rules: RoomVersionRules,
    room: RoomId,
    event: EventId,
  ): Promise<readonly EventId[] | undefined> {
    const { peers, admit } = this.#deps;
    const { state, authChain } = await peers.state(server, room, event);
    const judged = await admit.admit(rules, { room }, [...authChain, ...state]);
    const ids: EventId[] = [];
    for (const json of state) {
      const opened = openPdu(rules, json);
      const one = 'field' in opened ? undefined : judged.get(opened.pdu.eventId);
      if (one !== undefined) ids.push(one.pdu.eventId);
    }
    return stateListed({ room }, ids, judged);
  }

  async #complete(layer: StateLayer): Promise<boolean> {
    const { rooms, persist, logger, lanes } = this.#deps;
    const { partial, room: name } = layer;
    const room = name as RoomId;
    const live = await rooms.find(room);
    if (partial === undefined || live === undefined) return true;
    const { rules } = live.head;
    const servers = [...new Set(partial.servers)].filter(isServerName).filter((one) => one !== this.#server);
    for (const server of servers.slice(0, MAX_SERVERS)) {
      try {
        const ids = await this.fetch(server, rules, room, partial.event);
        if (ids === undefined || !(await persist.completeState(room, layer, ids))) continue;
        await lanes.run(room, () => this.#review(room, partial.event));
        logger.info({ room, events: ids.length }, 'the state of a room is whole');
        return true;
      } catch (error) {
        logger.info({ room, server, err: error }, 'could not get the members of a room');
      }
    }
    return false;
  }

  /** Judges once more what was taken in while the members were missing, and tells of what should not have been. */
  async #review(room: RoomId, join: EventId): Promise<void> {
    const { rooms, logger } = this.#deps;
    const { engine } = rooms;
    const first = await engine.events.get(join);
    let from = first?.pos;
    const wrong: EventId[] = [];
    for (let seen = 0; from !== undefined && seen < MAX_REVIEWED; seen += PAGE) {
      const page = await engine.events.page({ room, direction: 'forward', from, limit: PAGE });
      const rules = (await rooms.find(room))?.head.rules;
      for (const { pdu, stateBefore = '' } of page) {
        if (rules === undefined || stateBefore === '') continue;
        const state = await engine.states.get(stateBefore);
        const lookup = await authLookup(rules, pdu, state, engine.events);
        if (!authorise(rules, pdu, lookup).allowed) wrong.push(pdu.eventId);
      }
      from = page.length < PAGE ? undefined : page.at(-1)?.pos;
    }
    if (wrong.length > 0)
      logger.warn(
        { room, events: wrong.slice(0, PAGE) },
        'events came in before the members that forbid them',
      );
  }
}
