import { createHash } from 'node:crypto';

/** A short name for a request: it tells repeats and tells other servers nothing. */
export const requestDigest = (text: string): string =>
  createHash('sha256').update(text).digest('base64url').slice(0, 32);
