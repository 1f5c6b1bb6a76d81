import type { Pdu } from '@nyx/federation/events/pdu.ts';
import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { Random } from '../../ports/random.ts';
import { newLayerId } from './layer-id.ts';
import type { RoomHead } from './room-head.ts';
import { stateKey, stateValue, type StateLayer } from './room-state.ts';
import { membershipOf, type ChainPlace, type StoredEvent, type TransactionKey } from './stored-event.ts';

/** An event in its place, and the room with it on top. */
export type Extended = {
  readonly event: StoredEvent;
  readonly layers: readonly StateLayer[];
  readonly head: RoomHead;
};

/** Puts an event that was built on the head itself on top of it: no state has to be resolved. */
export function extendRoom(options: {
  readonly head: RoomHead;
  readonly pdu: Pdu;
  readonly random: Random;
  readonly receivedAt: number;
  readonly transaction?: TransactionKey | undefined;
  readonly chain: ChainPlace | undefined;
}): Extended {
  const { head, pdu } = options;
  const membership = membershipOf(pdu);
  const pos = head.pos + 1;
  const prev = new Set<EventId>(pdu.prevEvents);
  const extremities = [...head.extremities.filter((id) => !prev.has(id)), pdu.eventId];
  const depth = Math.max(head.depth, pdu.depth);
  const layers: StateLayer[] = [];
  let { state } = head;
  let replaces: EventId | undefined;
  if (pdu.stateKey !== undefined) {
    replaces = state.get(pdu.type, pdu.stateKey);
    const value = stateValue(pdu.eventId, membership);
    const changes = new Map([[stateKey(pdu.type, pdu.stateKey), value]]);
    const next = state.with(changes, newLayerId(options.random), head.room);
    state = next.state;
    layers.push(next.layer);
  }
  const event: StoredEvent = {
    id: pdu.eventId,
    room: head.room,
    version: head.rules.version,
    pdu,
    standing: 'accepted',
    pos,
    stream: undefined,
    stateBefore: head.state.id,
    stateAfter: state.id,
    roomState: state.id,
    extremities,
    headDepth: depth,
    replaces,
    memberChanges:
      membership === undefined || pdu.stateKey === undefined
        ? []
        : [{ user: pdu.stateKey, membership, eventId: pdu.eventId }],
    transaction: options.transaction,
    redactedBy: undefined,
    chain: options.chain,
    receivedAt: options.receivedAt,
    gapBefore: false,
  };
  return { event, layers, head: { ...head, pos, depth, extremities, state } };
}
