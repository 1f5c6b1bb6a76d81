import { DomainError } from '../errors.ts';

/** Longest user id in bytes (spec: Appendices, User Identifiers). */
const MAX_USER_ID_LENGTH = 255;

/** Spec: Appendices, User Identifiers: what new localparts may hold. */
const LOCALPART = /^[a-z0-9._=/+-]+$/;

/** The user id of a localpart on a server (spec: Appendices, User Identifiers). */
export const userIdFor = (localpart: string, serverName: string): string => `@${localpart}:${serverName}`;

/** Whether `userId` belongs to this server. */
export const isLocalUser = (userId: string, serverName: string): boolean =>
  userId.startsWith('@') &&
  userId.endsWith(`:${serverName}`) &&
  userId.indexOf(':') === userId.length - serverName.length - 1;

/**
 * The user id for a wanted name. Capitals are folded, as the spec recommends; anything else that is not allowed is
 * refused with `invalid_username`. A leading underscore is kept for bridges by convention.
 */
export const newUserId = (wanted: string, serverName: string): string => {
  const localpart = wanted.toLowerCase();
  if (!LOCALPART.test(localpart) || localpart.startsWith('_')) {
    throw new DomainError(
      'invalid_username',
      'User names may hold a-z, 0-9 and . _ = - / + and not begin with _',
    );
  }
  const userId = userIdFor(localpart, serverName);
  if (Buffer.byteLength(userId) > MAX_USER_ID_LENGTH) {
    throw new DomainError('invalid_username', `User ids may have at most ${MAX_USER_ID_LENGTH} bytes`);
  }
  return userId;
};

/** The user id somebody means at login by `name`: a whole id of this server, or its localpart in any case. */
export const namedUserId = (name: string, serverName: string): string => {
  if (!name.startsWith('@')) return userIdFor(name.toLowerCase(), serverName);
  return isLocalUser(name, serverName) ? name : name.toLowerCase();
};
