import type { PeerApi } from '@nyx/federation/http/peer-api.ts';
import type { Pdu } from '@nyx/federation/events/pdu.ts';
import type { JsonObject } from '@nyx/federation/json/value.ts';
import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { ServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import type { PersistEvents } from '../events/persist-events.ts';
import type { LiveRoom } from '../events/room-heads.ts';
import type { RoomState } from '../events/room-state.ts';
import { scopeOf, stateListed, type AdmitEvents } from './admit-events.ts';

/** Most events asked for to fill a gap; what is older is history, fetched when somebody scrolls there. */
const MAX_MISSING_EVENTS = 50;
/** From this many missing events on, a state is fetched whole. */
const FETCH_WHOLE_STATE = 30;
const PARALLEL_FETCHES = 8;
/** Most events asked for one by one at a time. */
const MAX_SINGLE_EVENTS = 200;

/** Fetches from the sender of an event what is missing to judge it. All answers are bounded and checked. */
export class FetchMissing {
  readonly #peers: PeerApi;
  readonly #admit: AdmitEvents;
  readonly #persist: PersistEvents;

  constructor(peers: PeerApi, admit: AdmitEvents, persist: PersistEvents) {
    this.#peers = peers;
    this.#admit = admit;
    this.#persist = persist;
  }

  /** Events between what is known and an event, as they came; none when the peer has none or does not answer. */
  async between(origin: ServerName, pdu: Pdu, known: readonly EventId[]): Promise<readonly JsonObject[]> {
    try {
      return await this.#peers.missingEvents(origin, pdu.roomId, {
        earliest: known,
        latest: [pdu.eventId],
        limit: MAX_MISSING_EVENTS,
      });
    } catch {
      return [];
    }
  }

  /** Makes the auth events of an event known, as far as the peer has them. */
  async authEvents(origin: ServerName, live: LiveRoom, pdu: Pdu): Promise<void> {
    try {
      const jsons = await this.#peers.eventAuth(origin, pdu.roomId, pdu.eventId);
      await this.#admit.admit(live.head.rules, scopeOf(live), jsons);
    } catch {
      // Without them the event is dropped, and comes again when the peer repeats it.
    }
  }

  /** Makes events known that others rest on, one by one: cheaper than whole chains where only a few are missing. */
  async events(origin: ServerName, live: LiveRoom, ids: readonly EventId[]): Promise<void> {
    const jsons = await this.#oneByOne(origin, ids.slice(0, MAX_SINGLE_EVENTS));
    await this.#admit.admit(live.head.rules, scopeOf(live), jsons);
  }

  /** The state before an event, as the peer has it; undefined when it cannot be had whole. */
  async stateBefore(origin: ServerName, live: LiveRoom, pdu: Pdu): Promise<RoomState | undefined> {
    const scope = scopeOf(live);
    try {
      const ids = await this.#peers.stateIds(origin, pdu.roomId, pdu.eventId);
      const wanted = [...new Set([...ids.state, ...ids.authChain])];
      const known = await this.#admit.known(wanted);
      const missing = wanted.filter((id) => !known.has(id));
      if (missing.length > 0) {
        const jsons = await this.#fetch(origin, pdu, missing);
        for (const [id, one] of await this.#admit.admit(live.head.rules, scope, jsons)) known.set(id, one);
      }
      const state = stateListed(scope, ids.state, known);
      if (state === undefined) return undefined;
      return await this.#persist.stateOf(pdu.roomId, state);
    } catch {
      return undefined;
    }
  }

  async #fetch(origin: ServerName, pdu: Pdu, missing: readonly EventId[]): Promise<readonly JsonObject[]> {
    if (missing.length >= FETCH_WHOLE_STATE) {
      const { state, authChain } = await this.#peers.state(origin, pdu.roomId, pdu.eventId);
      return [...authChain, ...state];
    }
    return this.#oneByOne(origin, missing);
  }

  async #oneByOne(origin: ServerName, ids: readonly EventId[]): Promise<readonly JsonObject[]> {
    const queue = [...ids];
    const found: JsonObject[] = [];
    const worker = async () => {
      for (let id = queue.shift(); id !== undefined; id = queue.shift()) {
        const json = await this.#peers.event(origin, id).catch(() => undefined);
        if (json !== undefined) found.push(json);
      }
    };
    await Promise.all(Array.from({ length: PARALLEL_FETCHES }, worker));
    return found;
  }
}
