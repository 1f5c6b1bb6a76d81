import type { JsonObject } from '@nyx/federation/json/value.ts';
import type { Membership } from '@nyx/federation/spec/event-types.ts';
import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { UserId } from '@nyx/federation/spec/identifiers/user-id.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { ChainPlace, StoredEvent, TransactionKey } from '../domain/events/stored-event.ts';
import type { StateLayer } from '../domain/events/room-state.ts';

/** Why the store did not take an event. */
export type AppendFailure =
  /** Another writer took this room position: the caller's view of the room is out of date. */
  | 'position'
  /** The sender's transaction id was used before on that path. */
  | 'transaction'
  /** An event of that id is stored already. */
  | 'event';

export type AppendOutcome = {
  /** How many of the events, from the first, are stored and journaled. */
  readonly stored: number;
  readonly failure?: AppendFailure;
};

/** The one way events become part of a room. */
export interface EventAppender {
  /**
   * Stores events in order and answers once they are journaled. Stops at the first that cannot be stored; the ones
   * before it stay. The positions of the events fence off a writer with an outdated view.
   */
  append(events: readonly StoredEvent[]): Promise<AppendOutcome>;
  /** Stores or replaces events that are kept apart from the rooms' order: outliers, rejected, soft-failed. */
  putApart(events: readonly StoredEvent[]): Promise<void>;
  /** Replaces the stored body of an event by its redacted form. */
  redact(id: EventId, redactedBy: EventId, body: JsonObject): Promise<void>;
  /** The history below an event is no longer missing. */
  closeGap(id: EventId): Promise<void>;
}

export type PageRequest = {
  readonly room: RoomId;
  readonly direction: 'forward' | 'backward';
  /** Exclusive bound to start from; undefined starts at the respective end. */
  readonly from?: number | undefined;
  /** Exclusive bound to stop at. */
  readonly to?: number | undefined;
  readonly limit: number;
};

/** Reads events by id and by place. */
export interface EventReader {
  /** Accepted events, and those kept apart. */
  byIds(ids: readonly EventId[]): Promise<StoredEvent[]>;
  /** Events with a place in the room's order, in the direction asked for. */
  page(request: PageRequest): Promise<StoredEvent[]>;
  /** The newest event of the room: what the room's head is read from. */
  latest(room: RoomId): Promise<StoredEvent | undefined>;
  /** Events of all rooms by stream position, ascending, in (after, upTo]. */
  stream(after: number, upTo: number, limit: number): Promise<StoredEvent[]>;
  /** Highest room position whose event was committed at or before the stream position; 0 if none. */
  positionAt(room: RoomId, stream: number): Promise<number>;
}

/** What a user's own current membership of a room is, and since when. */
export type MembershipRow = {
  readonly room: RoomId;
  readonly membership: Membership;
  readonly eventId: EventId;
  readonly stream: number;
};

/** Gaps of one room that are looked at: a join, a return, a peer that was away each leave one. */
export const MAX_GAPS = 1_000;

/** Look-ups that have an index of their own. */
export interface EventLookups {
  byTransaction(key: TransactionKey): Promise<EventId | undefined>;
  /** Every room in which the user has or had a membership, with the newest one up to a stream position. */
  memberships(user: string, upTo?: number): Promise<MembershipRow[]>;
  /** The event nearest in time: the first at or after `ts`, or the last at or before it. */
  nearest(room: RoomId, ts: number, direction: 'f' | 'b'): Promise<StoredEvent | undefined>;
  /**
   * Events that accepted ones of a room follow, where not all of those are here: what lies behind the room's gaps, the
   * newest {@link MAX_GAPS} of them, and whatever else the events above them follow.
   */
  behindGaps(room: RoomId): Promise<ReadonlySet<EventId>>;
  chainPlaces(ids: readonly EventId[]): Promise<ReadonlyMap<EventId, ChainPlace>>;
  /** Events at the places [from, to] of a chain of a room. */
  chainSegment(room: RoomId, chain: string, from: number, to: number): Promise<EventId[]>;
}

/** Events that relate to one, of a kind. */
export type RelationGroup = {
  readonly target: EventId;
  readonly relType: string;
  readonly count: number;
};

export type RelationRequest = PageRequest & {
  readonly target: EventId;
  /** Any when not given. */
  readonly relType?: string | undefined;
  readonly sender?: UserId | undefined;
};

/** Look-ups by relation. Redacted events relate to nothing. */
export interface RelationLookups {
  /** Events that relate to `target`, in room order. */
  relating(request: RelationRequest): Promise<StoredEvent[]>;
  /** How many events relate to each of the targets, by type of relation. */
  groups(targets: readonly EventId[]): Promise<RelationGroup[]>;
  /** Roots of the room's threads, with the position of the newest event in each, newest first, below a position. */
  threads(request: {
    readonly room: RoomId;
    readonly below: number | undefined;
    readonly limit: number;
    /** Only threads in which this user has spoken. */
    readonly participant?: UserId | undefined;
  }): Promise<{ readonly root: EventId; readonly newest: number }[]>;
}

/** Storage of state layers. */
export interface StateLayerStore {
  /** Stores layers; not journaled by itself, but before anything journaled after it. */
  put(layers: readonly StateLayer[]): Promise<void>;
  get(ids: readonly string[]): Promise<StateLayer[]>;
  /** Gives a partial layer its missing entries. False when it was whole already. */
  complete(layer: StateLayer): Promise<boolean>;
  isPartial(id: string): Promise<boolean>;
  /** Layers whose members are missing. */
  partial(limit: number): Promise<string[]>;
}
