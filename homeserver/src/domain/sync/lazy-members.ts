import { EventType } from '@nyx/federation/spec/event-types.ts';
import { LRUCache } from 'lru-cache';
import { splitStateKey, stateKey, type RoomState, type StateValue } from '../events/room-state.ts';
import type { StoredEvent } from '../events/stored-event.ts';

/** (device, room) pairs for which is remembered whose member events were sent, and members remembered for each. */
const MAX_PAIRS = 5_000;
const MAX_MEMBERS = 500;

/**
 * Member events only where they are needed (spec: Client-Server API, lazy-loading room members): of the senders in the
 * timeline, once per device, as long as that is remembered.
 */
export class LazyMembers {
  readonly #sent = new LRUCache<string, LRUCache<string, StateValue>>({ max: MAX_PAIRS });

  /** Takes members out of state changes that the timeline does not need, and adds those that it does. */
  apply(
    changes: Map<string, StateValue>,
    options: {
      readonly device: string;
      readonly room: string;
      readonly user: string;
      readonly timeline: readonly StoredEvent[];
      readonly state: RoomState;
      /** Send members again although the device has them. */
      readonly redundant: boolean;
      /** The device starts over. */
      readonly fresh: boolean;
    },
  ): void {
    const { device, room, user, timeline, state } = options;
    const pair = `${device} ${room}`;
    if (options.fresh) this.#sent.delete(pair);
    const sent = this.#sent.get(pair) ?? new LRUCache<string, StateValue>({ max: MAX_MEMBERS });
    this.#sent.set(pair, sent);
    const needed = new Set<string>([user]);
    for (const { pdu } of timeline) {
      needed.add(pdu.sender);
      if (pdu.type === EventType.Member && pdu.stateKey !== undefined) needed.add(pdu.stateKey);
    }
    for (const key of changes.keys()) {
      const [type, member] = splitStateKey(key);
      if (type === EventType.Member && !needed.has(member)) changes.delete(key);
    }
    for (const member of needed) {
      const key = stateKey(EventType.Member, member);
      const value = state.value(key);
      if (value === undefined) continue;
      const isKnown = sent.get(member) === value && !options.redundant;
      if (isKnown) changes.delete(key);
      else if (member !== user || options.fresh) changes.set(key, value);
      sent.set(member, value);
    }
  }
}
