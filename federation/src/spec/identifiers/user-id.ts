import { IdentifierError, type Branded } from './brand.ts';
import { fitsInBytes, MAX_IDENTIFIER_BYTES } from './length.ts';
import { isServerName, type ServerName } from './server-name.ts';

/** `@localpart:domain`, including historical ids that are still in rooms (spec: Appendices, User Identifiers). */
export type UserId = Branded<'UserId'>;

const COMPLIANT_LOCALPART = /^[a-z0-9._=\-/+]+$/;
const PRINTABLE_LOCALPART = /^[\u0021-\u0039\u003b-\u007e]+$/;

/**
 * Whether `value` is a user id that servers must accept: the historical grammar, whose localpart may hold anything
 * but ":" and NUL, and may even be empty. For ids we create use {@link isCompliantLocalpart}.
 */
export function isUserId(value: unknown): value is UserId {
  if (typeof value !== 'string' || value.charCodeAt(0) !== 0x40) return false;
  const colon = value.indexOf(':');
  if (colon < 0 || !fitsInBytes(value, MAX_IDENTIFIER_BYTES)) return false;
  const nul = value.indexOf('\0');
  if (nul >= 0 && nul < colon) return false;
  return isServerName(value.slice(colon + 1)) && value.isWellFormed();
}

/** Parses a user id (historical grammar); throws {@link IdentifierError}. */
export function parseUserId(value: unknown): UserId {
  if (isUserId(value)) return value;
  throw new IdentifierError('user_id');
}

/** Builds `@localpart:server` for a new account; throws {@link IdentifierError} unless the strict grammar holds. */
export function makeUserId(localpart: string, server: ServerName): UserId {
  const id = `@${localpart}:${server}`;
  if (!isCompliantLocalpart(localpart) || !isUserId(id)) throw new IdentifierError('user_id');
  return id;
}

/** The domain of a user id: everything after its first colon, as a localpart has none. */
export function userIdServer(id: UserId): ServerName {
  const server = id.slice(id.indexOf(':') + 1);
  if (!isServerName(server)) throw new IdentifierError('user_id');
  return server;
}

/** The part between "@" and the first colon. */
export function userIdLocalpart(id: UserId): string {
  return id.slice(1, id.indexOf(':'));
}

/** The strict grammar for localparts that a server hands out today. */
export function isCompliantLocalpart(localpart: string): boolean {
  return COMPLIANT_LOCALPART.test(localpart);
}

/**
 * False for ids that servers should not forward to clients outside of an event: an empty localpart, or characters
 * outside U+0021 to U+007E (spec: Appendices, Historical User IDs).
 */
export function isForwardableUserId(id: UserId): boolean {
  return PRINTABLE_LOCALPART.test(userIdLocalpart(id));
}
