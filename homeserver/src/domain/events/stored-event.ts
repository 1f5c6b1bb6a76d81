import type { Pdu } from '@nyx/federation/events/pdu.ts';
import { isJsonObject, ownString, type JsonObject } from '@nyx/federation/json/value.ts';
import { EventType, isMembership, type Membership } from '@nyx/federation/spec/event-types.ts';
import { isEventId, type EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { RoomVersion } from '@nyx/federation/room-versions/rules.ts';

/**
 * How an event stands with this server.
 * - `accepted`: in the room's order, shown to clients;
 * - `outlier`: known (fetched as an auth or state event), its own state is not;
 * - `rejected`: failed authorisation against its auth events or the state before it;
 * - `soft-failed`: failed only against the current state: kept from clients and from prev_events, but part of the graph.
 */
export type EventStanding = 'accepted' | 'outlier' | 'rejected' | 'soft-failed';

/** A membership that became current in the room by committing an event. */
export type MemberChange = {
  readonly user: string;
  readonly membership: Membership;
  readonly eventId: EventId;
};

/** The request a local event answers; unique, which makes sends idempotent. */
export type TransactionKey = {
  readonly user: string;
  readonly device: string;
  /** Distinguishes endpoint and room: the same id may be used on another path. */
  readonly path: string;
  readonly txnId: string;
};

/** Place of a state event in the auth-chain index: its chain, its place in it, and how far it reaches in others. */
export type ChainPlace = {
  readonly chain: string;
  readonly seq: number;
  /** For every other chain, the highest place in it that is in this event's auth chain. */
  readonly reach: ReadonlyMap<string, number>;
};

/** An event with everything this server knows about it. Immutable: a redaction makes a new value. */
export type StoredEvent = {
  readonly id: EventId;
  readonly room: RoomId;
  readonly version: RoomVersion;
  readonly pdu: Pdu;
  readonly standing: EventStanding;
  /**
   * Room position: 1, 2, 3, ... for events in the order they were accepted, a fraction below an integer for events
   * fetched later into the gap under it. Undefined unless accepted.
   */
  readonly pos: number | undefined;
  /** Stream position, common to all rooms; undefined for events fetched from history and for those not accepted. */
  readonly stream: number | undefined;
  /** State before the event; undefined for outliers. */
  readonly stateBefore: string | undefined;
  /** State after the event; the same as before unless it is a state event. */
  readonly stateAfter: string | undefined;
  /** Current state of the room once this event was committed. */
  readonly roomState: string | undefined;
  /** Forward extremities once this event was committed. */
  readonly extremities: readonly EventId[];
  /** Depth of the deepest forward extremity. */
  readonly headDepth: number;
  /** The state event that this one replaced. */
  readonly replaces: EventId | undefined;
  readonly memberChanges: readonly MemberChange[];
  readonly transaction: TransactionKey | undefined;
  /** Id of the event that redacted this one; `pdu` is then the redacted form. */
  readonly redactedBy: EventId | undefined;
  readonly chain: ChainPlace | undefined;
  /** When this server got it, in milliseconds since the epoch. */
  readonly receivedAt: number;
  /** True when a prev_event of it is unknown here: history below has to be fetched from peers. */
  readonly gapBefore: boolean;
};

/** The membership an event sets, if it is a well-formed member event. */
export function membershipOf(pdu: Pdu): Membership | undefined {
  if (pdu.type !== EventType.Member || pdu.stateKey === undefined) return undefined;
  const { membership } = pdu.content;
  return isMembership(membership) ? membership : undefined;
}

/** How an event relates to another. */
export type Relation = {
  readonly target: EventId;
  readonly relType: string;
  /** What an annotation says, e.g. an emoji. */
  readonly key: string | undefined;
};

/** The relation in a content (`m.relates_to`). */
export function relationOfContent(content: JsonObject): Relation | undefined {
  const relation = content['m.relates_to'];
  if (!isJsonObject(relation)) return undefined;
  const target = relation.event_id;
  const relType = ownString(relation, 'rel_type');
  if (!isEventId(target) || relType === undefined) return undefined;
  return { target, relType, key: ownString(relation, 'key') };
}

/** The event this one relates to, and how. */
export const relationOf = (pdu: Pdu): Relation | undefined => relationOfContent(pdu.content);
