import { readPdu } from '@nyx/federation/events/pdu.ts';
import { parseJson } from '@nyx/federation/json/parse.ts';
import type { JsonObject } from '@nyx/federation/json/value.ts';
import { RULES, type RoomVersion, type RoomVersionRules } from '@nyx/federation/room-versions/rules.ts';
import type { Membership } from '@nyx/federation/spec/event-types.ts';
import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { UserId } from '@nyx/federation/spec/identifiers/user-id.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type {
  ChainPlace,
  EventStanding,
  StoredEvent,
  TransactionKey,
} from '../../../domain/events/stored-event.ts';
import { relationOf } from '../../../domain/events/stored-event.ts';

/**
 * The document of one event. Names are short because every event repeats them. One insert of it is the commit point
 * of whatever made the event, so it carries all that must be atomic with it.
 */
export type EventDocument = {
  _id: EventId;
  r: RoomId;
  /** Room version. */
  v: RoomVersion;
  /** Room position; absent unless accepted. Unique with the room. */
  p?: number;
  /** Stream position. */
  s?: number;
  /** The PDU, as JSON. */
  j: string;
  /** Sender. */
  u: UserId;
  /** Origin server timestamp. */
  ts: number;
  /** When it was received. */
  at: number;
  /** State before, after (if different), and current state of the room afterwards (if different from that). */
  sb?: string;
  sa?: string;
  cs?: string;
  /** Forward extremities afterwards, if not the event alone; depth of the deepest. */
  fx?: EventId[];
  md?: number;
  /** The state event it replaced. */
  rs?: EventId;
  /** Memberships that became current with it. */
  mb?: { u: string; m: Membership; e: EventId }[];
  /** Transaction key, unique. */
  tx?: string;
  /** Target and type of its relation. */
  rt?: string;
  rk?: string;
  /** Standing, if not accepted. */
  st?: Exclude<EventStanding, 'accepted'>;
  /** Id of the event that redacted it. */
  rb?: EventId;
  /** Place in the auth-chain index: chain, sequence, reach. */
  c?: { c: string; n: number; r: [string, number][] };
  /** History below is missing. */
  gap?: true;
  /** No event: closes a stream position that was never used. */
  void?: true;
};

const UNIT = '\u001f';

/** The unique string of a transaction key. */
export const transactionString = (key: TransactionKey): string =>
  [key.user, key.device, key.path, key.txnId].join(UNIT);

const transactionFrom = (value: string): TransactionKey => {
  const [user = '', device = '', path = '', ...txnId] = value.split(UNIT);
  return { user, device, path, txnId: txnId.join(UNIT) };
};

/** The document of an event. */
export function toDocument(event: StoredEvent): EventDocument {
  const document: EventDocument = {
    _id: event.id,
    r: event.room,
    v: event.version,
    j: JSON.stringify(event.pdu.json),
    u: event.pdu.sender,
    ts: event.pdu.originServerTs,
    at: event.receivedAt,
  };
  if (event.pos !== undefined) document.p = event.pos;
  if (event.stream !== undefined) document.s = event.stream;
  if (event.stateBefore !== undefined) document.sb = event.stateBefore;
  if (event.stateAfter !== undefined && event.stateAfter !== event.stateBefore)
    document.sa = event.stateAfter;
  if (event.roomState !== undefined && event.roomState !== event.stateAfter) document.cs = event.roomState;
  const [extremity, ...others] = event.extremities;
  if (event.pos !== undefined && (extremity !== event.id || others.length > 0)) {
    document.fx = [...event.extremities];
  }
  if (event.headDepth !== event.pdu.depth) document.md = event.headDepth;
  if (event.replaces !== undefined) document.rs = event.replaces;
  if (event.memberChanges.length > 0) {
    document.mb = event.memberChanges.map((change) => ({
      u: change.user,
      m: change.membership,
      e: change.eventId,
    }));
  }
  if (event.transaction !== undefined) document.tx = transactionString(event.transaction);
  const relation = event.standing === 'accepted' ? relationOf(event.pdu) : undefined;
  if (relation !== undefined) {
    document.rt = relation.target;
    document.rk = relation.relType;
  }
  if (event.standing !== 'accepted') document.st = event.standing;
  if (event.redactedBy !== undefined) document.rb = event.redactedBy;
  if (event.chain !== undefined) {
    document.c = { c: event.chain.chain, n: event.chain.seq, r: [...event.chain.reach] };
  }
  if (event.gapBefore) document.gap = true;
  return document;
}

/** The chain place of a document. */
export const chainFrom = (chain: NonNullable<EventDocument['c']>): ChainPlace => ({
  chain: chain.c,
  seq: chain.n,
  reach: new Map(chain.r),
});

/** What is stored was checked before. Only versions that allow numbers beyond doubles need the lossless parser. */
const parseStored = (rules: RoomVersionRules, json: string): JsonObject =>
  (rules.numbers === 'strict' ? JSON.parse(json) : parseJson(json)) as JsonObject;

/** The event of a document. */
export function fromDocument(document: EventDocument): StoredEvent {
  const rules = RULES[document.v];
  const pdu = readPdu(rules, parseStored(rules, document.j), document._id);
  const stateAfter = document.sa ?? document.sb;
  return {
    id: document._id,
    room: document.r,
    version: document.v,
    pdu,
    standing: document.st ?? 'accepted',
    pos: document.p,
    stream: document.s,
    stateBefore: document.sb,
    stateAfter,
    roomState: document.cs ?? stateAfter,
    extremities: document.fx ?? [document._id],
    headDepth: document.md ?? pdu.depth,
    replaces: document.rs,
    memberChanges: (document.mb ?? []).map((change) => ({
      user: change.u,
      membership: change.m,
      eventId: change.e,
    })),
    transaction: document.tx === undefined ? undefined : transactionFrom(document.tx),
    redactedBy: document.rb,
    chain: document.c === undefined ? undefined : chainFrom(document.c),
    receivedAt: document.at,
    gapBefore: document.gap === true,
  };
}
