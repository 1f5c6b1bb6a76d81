import { IdentifierError, type Branded } from './brand.ts';
import { fitsInBytes, MAX_IDENTIFIER_BYTES } from './length.ts';
import { isServerName, type ServerName } from './server-name.ts';

/** `$opaque:domain` in room versions 1 and 2, `$` + the reference hash later (spec: Appendices, Event IDs). */
export type EventId = Branded<'EventId'>;

/** How a room version forms event ids: chosen by the sender, or the hash in standard or URL-safe Base64. */
export type EventIdFormat = 'domain' | 'hash-base64' | 'hash-urlsafe';

const HASH_BASE64 = /^\$[A-Za-z0-9+/]{43}$/;
const HASH_URLSAFE = /^\$[A-Za-z0-9_-]{43}$/;

/** Whether `value` can be an event id of some room version. */
export function isEventId(value: unknown): value is EventId {
  if (typeof value !== 'string' || value.length < 2 || value.charCodeAt(0) !== 0x24) return false;
  if (!fitsInBytes(value, MAX_IDENTIFIER_BYTES) || value.includes('\0') || !value.isWellFormed())
    return false;
  const colon = value.indexOf(':');
  return colon < 0 || isServerName(value.slice(colon + 1));
}

/** Whether `value` is an event id of exactly the given format. */
export function isEventIdOf(format: EventIdFormat, value: unknown): value is EventId {
  if (typeof value !== 'string') return false;
  if (format === 'hash-urlsafe') return HASH_URLSAFE.test(value);
  if (format === 'hash-base64') return HASH_BASE64.test(value);
  return isEventId(value) && value.includes(':');
}

/** Parses an event id of any room version; throws {@link IdentifierError}. */
export function parseEventId(value: unknown): EventId {
  if (isEventId(value)) return value;
  throw new IdentifierError('event_id');
}

/** The domain of an event id of room versions 1 and 2; undefined for hashes. */
export function eventIdDomain(id: EventId): ServerName | undefined {
  const colon = id.indexOf(':');
  if (colon < 0) return undefined;
  const domain = id.slice(colon + 1);
  return isServerName(domain) ? domain : undefined;
}
