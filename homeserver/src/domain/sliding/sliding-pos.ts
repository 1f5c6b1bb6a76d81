import { DomainError } from '../errors.ts';

/** A place in the stream, and what the connection had told by then. */
export type SlidingPos = { readonly stream: number; readonly position: string };

const POS = /^s(\d{1,16})~([A-Za-z0-9_-]{1,32})$/;

/** The `pos` of sliding sync. */
export const formatPos = (stream: number, position: string): string => `s${stream}~${position}`;

/** Throws `unknown_pos`: whatever is wrong with it, the client begins anew. */
export function parsePos(text: string): SlidingPos {
  const [, stream, position] = POS.exec(text) ?? [];
  if (stream === undefined || position === undefined) {
    throw new DomainError('unknown_pos', 'Unknown position: begin anew without pos');
  }
  return { stream: Number(stream), position };
}
