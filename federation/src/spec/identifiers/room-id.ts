import { IdentifierError, type Branded } from './brand.ts';
import { fitsInBytes, MAX_IDENTIFIER_BYTES } from './length.ts';
import { isServerName, type ServerName } from './server-name.ts';

/** `!opaque:domain`, or from room version 12 on `!` + the create event's hash. Never split it to find a server to ask. */
export type RoomId = Branded<'RoomId'>;

/** Which of the two forms a room version uses (spec: Appendices, Room IDs). */
export type RoomIdFormat = 'domain' | 'create-hash';

const CREATE_HASH = /^![A-Za-z0-9_-]{43}$/;

/** Whether `value` can be a room id of some room version: sigil, at most 255 bytes, no NUL, and a valid domain if it has one. */
export function isRoomId(value: unknown): value is RoomId {
  if (typeof value !== 'string' || value.length < 2 || value.charCodeAt(0) !== 0x21) return false;
  if (!fitsInBytes(value, MAX_IDENTIFIER_BYTES) || value.includes('\0') || !value.isWellFormed())
    return false;
  const colon = value.indexOf(':');
  return colon < 0 || isServerName(value.slice(colon + 1));
}

/** Whether `value` has the form that rooms of a given version use. */
export function isRoomIdOf(format: RoomIdFormat, value: unknown): value is RoomId {
  if (!isRoomId(value)) return false;
  return format === 'create-hash' ? CREATE_HASH.test(value) : value.includes(':');
}

/** Parses a room id of any version; throws {@link IdentifierError}. */
export function parseRoomId(value: unknown): RoomId {
  if (isRoomId(value)) return value;
  throw new IdentifierError('room_id');
}

/**
 * The domain in a room id of versions 1 to 11; undefined for version 12. It says who created the id, not who is in
 * the room: only the create rule of old room versions may use it.
 */
export function roomIdDomain(id: RoomId): ServerName | undefined {
  const colon = id.indexOf(':');
  if (colon < 0) return undefined;
  const domain = id.slice(colon + 1);
  return isServerName(domain) ? domain : undefined;
}
