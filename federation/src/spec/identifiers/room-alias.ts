import { IdentifierError, type Branded } from './brand.ts';
import { fitsInBytes, MAX_IDENTIFIER_BYTES } from './length.ts';
import { isServerName, type ServerName } from './server-name.ts';

/** `#localpart:domain`; the domain's server resolves it (spec: Appendices, Room Aliases). */
export type RoomAlias = Branded<'RoomAlias'>;

/** Whether `value` is a room alias: any code points but ":" and NUL in the localpart, at most 255 bytes in all. */
export function isRoomAlias(value: unknown): value is RoomAlias {
  if (typeof value !== 'string' || value.charCodeAt(0) !== 0x23) return false;
  const colon = value.indexOf(':');
  if (colon < 0 || !fitsInBytes(value, MAX_IDENTIFIER_BYTES)) return false;
  return !value.includes('\0') && value.isWellFormed() && isServerName(value.slice(colon + 1));
}

/** Parses a room alias; throws {@link IdentifierError}. */
export function parseRoomAlias(value: unknown): RoomAlias {
  if (isRoomAlias(value)) return value;
  throw new IdentifierError('room_alias');
}

/** The server to ask about an alias. */
export function roomAliasServer(alias: RoomAlias): ServerName {
  const domain = alias.slice(alias.indexOf(':') + 1);
  if (!isServerName(domain)) throw new IdentifierError('room_alias');
  return domain;
}

/** The part between "#" and the first colon. */
export function roomAliasLocalpart(alias: RoomAlias): string {
  return alias.slice(1, alias.indexOf(':'));
}
