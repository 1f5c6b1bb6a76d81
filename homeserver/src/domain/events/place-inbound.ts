import type { Pdu } from '@nyx/federation/events/pdu.ts';
import { EventType } from '@nyx/federation/spec/event-types.ts';
import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { EventEngine } from './event-engine.ts';
import type { Extended } from './extend-room.ts';
import type { StateResolver } from './resolve-states.ts';
import type { RoomHead } from './room-head.ts';
import type { RoomState } from './room-state.ts';
import {
  eventIdOf,
  membershipIn,
  splitStateKey,
  stateDifference,
  stateKey,
  stateValue,
  type StateLayer,
} from './room-state.ts';
import type { StagedEvents } from './staged-events.ts';
import {
  membershipOf,
  type ChainPlace,
  type EventStanding,
  type MemberChange,
  type StoredEvent,
} from './stored-event.ts';

/** An event that passed the checks of receipt. */
export type InboundEvent = {
  readonly pdu: Pdu;
  /** Accepted when not given. */
  readonly standing?: EventStanding;
  /** Where it cannot be computed from the prev_events (some are unknown), or is at hand. */
  readonly stateBefore?: RoomState;
  /** A prev_event is unknown here: history below is missing. */
  readonly gapBefore?: boolean;
};

/** Whether an event has followers in the room already: it came late, and is no end of the room's graph. */
export type HasFollowers = (id: EventId) => Promise<boolean>;

export type Placement = {
  readonly head: RoomHead;
  readonly inbound: InboundEvent;
  readonly before: RoomState | undefined;
  readonly receivedAt: number;
  readonly chain: ChainPlace | undefined;
  readonly resolver: StateResolver;
  readonly events: StagedEvents;
  readonly engine: EventEngine;
  readonly hasFollowers?: HasFollowers;
};

/** Puts an event on top of a room, whatever it was built on: merges forks, and works out what became current. */
export async function placeInbound(placement: Placement): Promise<Extended> {
  const { head, inbound, before, receivedAt, chain, resolver, engine, events } = placement;
  const { pdu, standing = 'accepted' } = inbound;
  const layers: StateLayer[] = [];
  const { after, replaces } = await stateAfter(placement, layers);
  const isAccepted = standing === 'accepted' && head.pos >= 0;
  const prev = new Set<EventId>(pdu.prevEvents);
  const left = head.extremities.filter((id) => !prev.has(id));
  // The state after an event from the past must not be resolved with the current one: what members have done since
  // would be judged by rules of today that were not those of their time.
  const isLate = isAccepted && left.length > 0 && (await placement.hasFollowers?.(pdu.eventId)) === true;
  const extremities = isLate ? left : [...left, pdu.eventId];
  const depth = Math.max(head.depth, pdu.depth);
  const placed: StoredEvent = {
    id: pdu.eventId,
    room: head.room,
    version: head.rules.version,
    pdu,
    standing,
    pos: isAccepted ? head.pos + 1 : undefined,
    stream: undefined,
    stateBefore: before?.id,
    stateAfter: after?.id,
    roomState: undefined,
    extremities: isAccepted ? extremities : [pdu.eventId],
    headDepth: isAccepted ? depth : pdu.depth,
    replaces,
    memberChanges: [],
    transaction: undefined,
    redactedBy: undefined,
    chain,
    receivedAt,
    gapBefore: inbound.gapBefore === true,
  };
  let current = after ?? head.state;
  if (isLate && left.length === head.extremities.length) current = head.state;
  else if (isAccepted && left.length > 0) {
    // The event is part of what is resolved: unknown to the resolver, it would be passed over.
    events.stage(placed);
    const others = await events.getAll(left);
    const states = await engine.states.getAll([...others.values()].map((event) => event.stateAfter ?? ''));
    if (after !== undefined && !isLate) states.set(after.id, after);
    const resolved = await resolver.resolve(head.room, head.rules, [...states.values()]);
    layers.push(...resolved.layers);
    current = resolved.state;
  }
  const event: StoredEvent = {
    ...placed,
    roomState: isAccepted ? current.id : undefined,
    memberChanges: isAccepted ? memberChanges(head.state, current) : [],
  };
  if (!isAccepted) return { event, layers, head };
  return { event, layers, head: { ...head, pos: head.pos + 1, depth, extremities, state: current } };
}

/** State after the event: a rejected one changes nothing (spec: Server-Server API, rejection). */
async function stateAfter(
  { before, inbound, resolver, head }: Placement,
  layers: StateLayer[],
): Promise<{ after: RoomState | undefined; replaces: EventId | undefined }> {
  const { pdu, standing } = inbound;
  if (before === undefined || pdu.stateKey === undefined || standing === 'rejected') {
    return { after: before, replaces: undefined };
  }
  const replaces = before.get(pdu.type, pdu.stateKey);
  const value = stateValue(pdu.eventId, membershipOf(pdu));
  const next = before.with(
    new Map([[stateKey(pdu.type, pdu.stateKey), value]]),
    resolver.newLayerId(),
    head.room,
  );
  layers.push(next.layer);
  return { after: next.state, replaces };
}

/** Memberships that differ between two states of a room. */
function memberChanges(from: RoomState, to: RoomState): MemberChange[] {
  const changes: MemberChange[] = [];
  for (const [key, value] of stateDifference(from, to)) {
    const [type, user] = splitStateKey(key);
    if (type !== EventType.Member || value === '') continue;
    const membership = membershipIn(value);
    if (membership !== undefined) changes.push({ user, membership, eventId: eventIdOf(value) });
  }
  return changes;
}
