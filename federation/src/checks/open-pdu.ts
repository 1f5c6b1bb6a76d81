import { EventFormatError } from '../events/errors.ts';
import { eventIdFrom } from '../events/event-id.ts';
import { claimsContentHash, encodeEvent, sha256Base64 } from '../events/hash.ts';
import { checkPduFormat, readPdu, type Pdu } from '../events/pdu.ts';
import { JsonError } from '../json/errors.ts';
import { redactEvent } from '../json/redact.ts';
import { withoutKeys, type JsonObject } from '../json/value.ts';
import type { RoomVersionRules } from '../room-versions/rules.ts';
import { MAX_PDU_BYTES } from '../spec/limits.ts';

/** An event from outside that has its room version's format, with what the next steps need worked out once. */
export type OpenedPdu = {
  readonly version: RoomVersionRules;
  readonly pdu: Pdu;
  /** As it came. Which servers have to sign is decided by this, not by what redaction leaves. */
  readonly received: JsonObject;
  /** What the signatures cover: canonical JSON of the redacted event. */
  readonly signed: string;
  /** Whether the content is what its hash says; if not, `pdu` is the redacted event already. */
  readonly redacted: boolean;
};

/** Why an event was not even looked at. */
export type FormatProblem = { readonly field: string; readonly message: string };

const UNTRUSTED: ReadonlySet<string> = new Set(['unsigned']);

/**
 * Steps 1 and 3 of the receipt checks, those that need nothing but the event: format and size, event id, content hash.
 * `unsigned` is taken away, since nothing vouches for it. Returns the problem for an event that has to be dropped.
 */
export function openPdu(version: RoomVersionRules, received: JsonObject): OpenedPdu | FormatProblem {
  try {
    checkPduFormat(version, received);
    const { hashed, signed, isLargerThan } = encodeEvent(version, received);
    if (isLargerThan(MAX_PDU_BYTES)) throw new EventFormatError('size', `over ${MAX_PDU_BYTES} bytes`);
    const eventId = eventIdFrom(version, received, signed);
    const redacted = !claimsContentHash(received, sha256Base64(hashed));
    const json = redacted ? redactEvent(version, received) : withoutUnsigned(received);
    // Read as received first: an event must be well-formed before redaction, not only after.
    const pdu = readPdu(version, redacted ? received : json, eventId);
    return { version, pdu: redacted ? readPdu(version, json, eventId) : pdu, received, signed, redacted };
  } catch (error) {
    if (error instanceof EventFormatError) return { field: error.field, message: error.message };
    if (error instanceof JsonError) return { field: 'json', message: error.message };
    throw error;
  }
}

function withoutUnsigned(json: JsonObject): JsonObject {
  return Object.hasOwn(json, 'unsigned') ? withoutKeys(json, UNTRUSTED) : json;
}
