import { isJsonObject, type JsonObject, type JsonValue } from '@nyx/federation/json/value.ts';
import type { UserId } from '@nyx/federation/spec/identifiers/user-id.ts';
import { EventType, type Membership } from '@nyx/federation/spec/event-types.ts';
import { membershipOf, type StoredEvent } from './stored-event.ts';

/** Who an event is shown to: their device alone sees its own transaction ids. */
export type Audience = { readonly user: UserId; readonly device: string | undefined };

/** What goes into `unsigned` beside what the event itself tells. */
export type EventContext = {
  readonly now: number;
  readonly audience: Audience;
  /** The state event that this one replaced. */
  readonly replaced?: StoredEvent | undefined;
  /** The event that redacted this one. */
  readonly redaction?: StoredEvent | undefined;
  /** The viewer's membership at the event. */
  readonly membership?: Membership | undefined;
  /** Bundled aggregations. */
  readonly relations?: JsonObject | undefined;
  /** Sync leaves the room's id out: it is the key of the section. */
  readonly withRoomId: boolean;
};

/** The form in which clients get events (spec: Client-Server API, room event format). */
export function clientEvent(event: StoredEvent, context: EventContext): JsonObject {
  const { pdu, id, room } = event;
  const shown: Record<string, JsonValue> = {
    content: pdu.content,
    event_id: id,
    origin_server_ts: pdu.originServerTs,
    sender: pdu.sender,
    type: pdu.type,
    unsigned: unsignedOf(event, context),
  };
  if (context.withRoomId) shown.room_id = room;
  if (pdu.stateKey !== undefined) shown.state_key = pdu.stateKey;
  if (pdu.type === EventType.Redaction && pdu.redacts !== undefined) {
    // Both places, for clients of either time (spec: room version 11, redacts).
    shown.redacts = pdu.redacts;
    shown.content = { ...pdu.content, redacts: pdu.redacts };
  }
  return shown;
}

function unsignedOf(event: StoredEvent, context: EventContext): JsonObject {
  const { audience, replaced, redaction, membership, relations, now } = context;
  const unsigned: Record<string, JsonValue> = { age: Math.max(0, now - event.pdu.originServerTs) };
  if (membership !== undefined) unsigned.membership = membership;
  const { transaction, redactedBy, pdu } = event;
  if (transaction?.device === audience.device && transaction?.user === audience.user) {
    unsigned.transaction_id = transaction.txnId;
  }
  if (event.replaces !== undefined) unsigned.replaces_state = event.replaces;
  if (replaced !== undefined) {
    unsigned.prev_content = replaced.pdu.content;
    unsigned.prev_sender = replaced.pdu.sender;
  }
  if (redactedBy !== undefined) {
    unsigned.redacted_by = redactedBy;
    if (redaction !== undefined) {
      unsigned.redacted_because = clientEvent(redaction, {
        now,
        audience,
        withRoomId: true,
      });
    }
  }
  const invited = membershipOf(pdu) === 'invite' || membershipOf(pdu) === 'knock';
  const shownState = pdu.json.unsigned;
  if (invited && isJsonObject(shownState)) {
    for (const key of ['invite_room_state', 'knock_room_state']) {
      const value = shownState[key];
      if (value !== undefined) unsigned[key] = value;
    }
  }
  if (relations !== undefined) unsigned['m.relations'] = relations;
  return unsigned;
}
