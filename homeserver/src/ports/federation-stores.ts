import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { ServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import type { JsonObject } from '@nyx/federation/json/value.ts';

/** An event that was received and waits to be worked on. */
export type StagedPdu = {
  readonly eventId: EventId;
  readonly room: RoomId;
  /** The server that sent it, which is asked for what is missing. */
  readonly origin: ServerName;
  readonly json: JsonObject;
};

/** What was received and not worked off yet; survives the process. */
export interface InboundStore {
  /** The answer given to a transaction before, as JSON. */
  answerTo(origin: ServerName, txnId: string): Promise<string | undefined>;
  keepAnswer(origin: ServerName, txnId: string, answer: string): Promise<void>;
  /** Journaled before it answers. An event that waits already is left as it is. */
  stage(pdus: readonly StagedPdu[]): Promise<void>;
  unstage(eventIds: readonly EventId[]): Promise<void>;
  /**
   * Leaves a staged event for later, each time longer. False when it was tried often enough, or too many of its room
   * wait already: it is to be given up then.
   */
  postpone(pdu: StagedPdu): Promise<boolean>;
  /** Postponed events whose time has come. */
  due(limit: number): Promise<readonly StagedPdu[]>;
  /** Everything that waits, oldest first. */
  staged(limit: number): Promise<readonly StagedPdu[]>;
}

type OutboundEdu = { readonly kind: 'edu'; readonly edu: JsonObject };

/** One thing to be sent to one server. */
export type OutboundItem =
  | {
      readonly kind: 'pdu';
      readonly eventId: EventId;
      /** Stream position, or just above that of what it follows: the queue's order, whoever adds it when. */
      readonly order: number;
    }
  | OutboundEdu;

/** An item in the queue, with its key there. */
export type QueuedItem = ({ readonly kind: 'pdu'; readonly eventId: EventId } | OutboundEdu) & {
  readonly id: string;
  readonly queuedAt: number;
};

/** What is known of a destination whose queue is being worked off. */
export type DestinationState = {
  readonly failures: number;
  /** Milliseconds since the epoch when the first of them happened, and before which it is not tried again. */
  readonly since: number | undefined;
  readonly retryAt: number;
  /** The transaction under way: the same one is sent until it is answered. */
  readonly transaction: { readonly id: string; readonly items: readonly string[] } | undefined;
};

/** Queues to other servers. */
export interface OutboundStore {
  /** Adds items for each of the destinations; journaled. The same event for the same destination is added once. */
  add(destinations: readonly ServerName[], items: readonly OutboundItem[]): Promise<void>;
  /** The oldest items of a queue. */
  oldest(destination: ServerName, pdus: number, edus: number): Promise<readonly QueuedItem[]>;
  /** Those that are still there, in the order of the ids. */
  items(ids: readonly string[]): Promise<readonly QueuedItem[]>;
  remove(ids: readonly string[]): Promise<void>;
  /** Takes the right to send to a destination until the given time; undefined if another has it. */
  acquire(destination: ServerName, owner: string, until: number): Promise<DestinationState | undefined>;
  update(destination: ServerName, owner: string, state: DestinationState): Promise<void>;
  release(destination: ServerName, owner: string): Promise<void>;
  /** Gives up leases whose holders are gone, as the caller judges them. */
  releaseDead(isDead: (owner: string) => boolean): Promise<void>;
  /** Lets a destination be tried at once; true if it was held back. */
  wake(destination: ServerName): Promise<boolean>;
  /** Destinations with items waiting. */
  waiting(limit: number): Promise<readonly ServerName[]>;
  /** Stream position up to which events have been put into the queues; undefined before the first. */
  cursor(): Promise<number | undefined>;
  moveCursor(from: number | undefined, to: number): Promise<void>;
}
