import type { Pdu } from '@nyx/federation/events/pdu.ts';
import { AUTH_EVENT_TYPES } from '@nyx/federation/spec/event-types.ts';
import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { EventLookups } from '../../ports/event-store.ts';
import { placeInChain } from './auth-chain.ts';
import type { RoomState } from './room-state.ts';
import type { ChainPlace, StoredEvent } from './stored-event.ts';

/** Gives state events their places in the auth-chain index. */
export class ChainIndex {
  readonly #lookups: EventLookups;

  constructor(lookups: EventLookups) {
    this.#lookups = lookups;
  }

  /**
   * The place of an event, or undefined for messages (nothing has them in its auth chain). It continues the chain of
   * the event it replaces, when that authorises it and has no successor yet; else it starts one.
   */
  async place(
    pdu: Pdu,
    authEvents: ReadonlyMap<EventId, StoredEvent>,
    before: RoomState,
  ): Promise<ChainPlace | undefined> {
    if (pdu.stateKey === undefined) return undefined;
    const places: ChainPlace[] = [];
    for (const { chain } of authEvents.values()) if (chain !== undefined) places.push(chain);
    const replaced = AUTH_EVENT_TYPES.has(pdu.type) ? before.get(pdu.type, pdu.stateKey) : undefined;
    const predecessor = replaced === undefined ? undefined : authEvents.get(replaced)?.chain;
    if (predecessor === undefined) return placeInChain(pdu.eventId, places, undefined);
    const next = predecessor.seq + 1;
    const taken = await this.#lookups.chainSegment(pdu.roomId, predecessor.chain, next, next);
    return placeInChain(pdu.eventId, places, taken.length === 0 ? predecessor : undefined);
  }
}
