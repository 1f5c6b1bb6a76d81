import { DomainError } from '../errors.ts';

/**
 * Tokens that clients hand back. `s<n>`: everything up to stream position n has been seen; from /sync. `t<p>`: a place
 * in one room's timeline, beside the event at position p (an exclusive bound for going either way from it).
 */
export type Token = { readonly stream: number } | { readonly pos: number };

// What follows a tilde is for sliding sync alone.
const STREAM = /^s(\d{1,16})(?:_\d{1,16})?(?:~[A-Za-z0-9_-]{1,32})?$/;
const PLACE = /^t(-?\d{1,16}(?:\.\d{1,17})?)$/;

/** A token for a position in the stream of all events. */
export const streamToken = (stream: number): string => `s${stream}`;
/** A token for a place in a room's timeline. */
export const placeToken = (pos: number): string => `t${pos}`;

/** Throws `invalid_param`. */
export function parseToken(text: string): Token {
  const stream = STREAM.exec(text)?.[1];
  if (stream !== undefined) return { stream: Number(stream) };
  const pos = PLACE.exec(text)?.[1];
  if (pos !== undefined) return { pos: Number(pos) };
  throw new DomainError('invalid_param', 'Unknown token');
}

/** Throws `invalid_param`. */
export function parseStreamToken(text: string): number {
  const token = parseToken(text);
  if ('stream' in token) return token.stream;
  throw new DomainError('invalid_param', 'Not a token of /sync');
}
