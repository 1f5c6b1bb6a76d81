import { JsonError } from '../json/errors.ts';
import type { JsonObject, JsonValue } from '../json/value.ts';
import type { RoomVersionRules } from '../room-versions/rules.ts';
import type { Signer } from '../signing/keys.ts';
import { signEvent } from '../signing/sign-event.ts';
import type { EventId } from '../spec/identifiers/event-id.ts';
import type { RoomId } from '../spec/identifiers/room-id.ts';
import type { UserId } from '../spec/identifiers/user-id.ts';
import { MAX_DEPTH, MAX_PDU_BYTES } from '../spec/limits.ts';
import { EventFormatError } from './errors.ts';
import { eventSize } from './hash.ts';
import { checkPduFormat, readPdu, type Pdu } from './pdu.ts';

/** What only room versions 1 and 2 need: a chosen event id, and the reference hashes of the events named. */
export type LegacyReferences = {
  readonly eventId: EventId;
  /** Reference hash (unpadded Base64) of an event in `prevEvents` or `authEvents`. */
  readonly referenceHash: (eventId: EventId) => string;
};

/** An event to be, before hashes and signatures. */
export type EventDraft = {
  /** Left out for the create event of room version 12 on: the room's id is the event's. */
  readonly roomId?: RoomId | undefined;
  readonly type: string;
  readonly sender: UserId;
  /** Present for state events. */
  readonly stateKey?: string | undefined;
  readonly content: JsonObject;
  readonly prevEvents: readonly EventId[];
  readonly authEvents: readonly EventId[];
  /** One more than the largest depth of `prevEvents`; values beyond the limit are brought down to it. */
  readonly depth: number;
  /** Milliseconds since 1970. */
  readonly originServerTs: number;
  /** The target of a redaction; goes where the room version wants it. */
  readonly redacts?: EventId | undefined;
  readonly legacy?: LegacyReferences | undefined;
};

/** The wire form of a draft, unhashed and unsigned: what `make_join` and its kin return as template. */
export function draftToJson(rules: RoomVersionRules, draft: EventDraft): JsonObject {
  const inContent = draft.redacts !== undefined && rules.redaction.redactsKey === 'content';
  const json: Record<string, JsonValue> = {
    auth_events: references(rules, draft.authEvents, draft.legacy),
    content: inContent ? { ...draft.content, redacts: draft.redacts } : draft.content,
    depth: Math.min(draft.depth, MAX_DEPTH),
  };
  if (rules.eventIdFormat === 'domain') {
    if (!draft.legacy) throw new EventFormatError('event_id', 'needed by this room version');
    json.event_id = draft.legacy.eventId;
  }
  json.origin_server_ts = draft.originServerTs;
  json.prev_events = references(rules, draft.prevEvents, draft.legacy);
  if (draft.redacts !== undefined && !inContent) json.redacts = draft.redacts;
  if (draft.roomId !== undefined) json.room_id = draft.roomId;
  json.sender = draft.sender;
  if (draft.stateKey !== undefined) json.state_key = draft.stateKey;
  json.type = draft.type;
  return json;
}

/**
 * Hashes, signs and reads a draft. Throws {@link EventFormatError} when it breaks a limit of its room version, or holds
 * what its JSON cannot.
 */
export function buildEvent(rules: RoomVersionRules, draft: EventDraft, signer: Signer): Pdu {
  try {
    const { json, eventId } = signEvent(rules, draftToJson(rules, draft), signer);
    checkPduFormat(rules, json);
    if (eventSize(rules, json) > MAX_PDU_BYTES) {
      throw new EventFormatError('size', `over ${MAX_PDU_BYTES} bytes`);
    }
    return readPdu(rules, json, eventId);
  } catch (error) {
    if (error instanceof JsonError) throw new EventFormatError('json', error.message);
    throw error;
  }
}

function references(
  rules: RoomVersionRules,
  ids: readonly EventId[],
  legacy: LegacyReferences | undefined,
): JsonValue {
  if (rules.eventReferences === 'ids') return ids;
  if (!legacy) throw new EventFormatError('event_id', 'needed by this room version');
  return ids.map((id) => [id, { sha256: legacy.referenceHash(id) }]);
}
